"""Other people's pictures are counted as what they are."""

from pathlib import Path

from PIL import Image

from app.loading import Model
from model_training.data import Dataset
from model_training.real_pictures import read_sets


def test_folder_of_real_pictures(tmp_path: Path, few_digits: Dataset, measured_model: Model) -> None:
    """SET/LABEL/FILE is read through the whole input path: digits must be read right, everything else rejected."""
    answers = measured_model.classifier.classify(few_digits.test.pictures).argmax(axis=1)
    for index in range(4):
        label = int(answers[index]) if index else (int(answers[index]) + 1) % 10
        home = tmp_path / "photos" / str(label)
        home.mkdir(parents=True, exist_ok=True)
        Image.fromarray(few_digits.test.pictures[index, ..., 0]).save(home / f"{index}.png")
    blank = tmp_path / "photos" / "5"
    blank.mkdir(exist_ok=True)
    Image.new("L", (40, 40), 255).save(blank / "blank.png")
    alpha = tmp_path / "letters" / "alpha"
    alpha.mkdir(parents=True)
    Image.new("L", (40, 40), 255).save(alpha / "blank.png")
    Image.fromarray(few_digits.test.pictures[0, ..., 0]).save(alpha / "digit.png")
    (tmp_path / "README.md").touch()
    letters, photos = read_sets(measured_model, tmp_path)
    assert (letters.name, letters.right.correct, letters.right.count) == ("letters", 1, 2)
    assert [picture.path.name for picture in letters.pictures if not picture.is_right] == ["digit.png"]
    assert (photos.name, photos.right.correct, photos.right.count) == ("photos", 3, 5)
    assert photos.rejected.correct == 1
    assert sorted(picture.path.name for picture in photos.pictures if not picture.is_right) == ["0.png", "blank.png"]
