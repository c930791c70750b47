"""A path to a saved model -> a model ready to answer: verified, compiled where needed, self-tested."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from app.artifact import Evaluation, Metadata, read_artifact
from app.classifier import Classifier
from app.compilation import compile_model


@dataclass(frozen=True, slots=True)
class Model:
    """What the service answers with."""

    metadata: Metadata
    evaluation: Evaluation | None
    classifier: Classifier
    plots: Mapping[str, bytes] = field(default_factory=dict)
    """PNG files that lie beside it, by name."""


def load_model(path: Path) -> Model:
    """Load a model and let it pass its self-test.

    Args:
        path: `artifacts/NAME`, a version's folder, or a `.keras` file. Without a compiled twin the model is compiled
            here, which needs TensorFlow.

    Raises:
        ArtifactError: no whole model of this input contract is there; the message says what to do.
    """
    plots: Mapping[str, bytes] = {}
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
    classifier.self_test(metadata.self_test.pixels(), metadata.self_test.probabilities)
    return Model(metadata, evaluation, classifier, plots)
