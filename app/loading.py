"""A path to a saved model -> a model ready to answer: verified, compiled where needed, self-tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.artifact import Evaluation, Metadata, read_artifact
from app.classifier import Classifier
from app.compilation import compile_model
from app.row_reader import RowReader


@dataclass(frozen=True, slots=True)
class Model:
    """What the service answers with."""

    metadata: Metadata
    evaluation: Evaluation | None
    classifier: Classifier
    plots: Mapping[str, bytes] = field(default_factory=dict)
    """PNG files that lie beside it, by name."""
    row_reader: RowReader | None = None
    """Reads whole rows, where the model brings a network for that."""


def load_model(path: Path) -> Model:
    """Load a model and let it pass its self-test.

    Args:
        path: `artifacts/NAME`, a version's folder, or a `.keras` file. Without a compiled twin the model is compiled
            here, which needs TensorFlow.

    Raises:
        ArtifactError: no whole model of this input contract is there; the message says what to do.
    """
    plots: Mapping[str, bytes] = {}
    row_reader = None
    if path.is_file():
        compiled = compile_model(path, name=path.stem)
        metadata, evaluation, classifier = compiled.metadata, None, Classifier(compiled.twin)
    else:
        artifact = read_artifact(path)
        metadata, evaluation, plots = artifact.metadata, artifact.evaluation, artifact.plots()
        if artifact.twin is not None:
            classifier = Classifier(artifact.twin)
        else:
            classifier = Classifier(compile_model(artifact.model_path, name=metadata.name).twin)
        row_reader = RowReader(artifact.rows_twin) if artifact.rows_twin is not None else None
    picture = metadata.self_test.pixels()
    classifier.self_test(picture, metadata.self_test.probabilities)
    if row_reader is not None and metadata.rows is not None:
        row_reader.self_test(picture, metadata.rows.self_test)
    return Model(metadata, evaluation, classifier, plots, row_reader)
