"""FastAPI as its documentation advises for work that blocks: a `def` endpoint, run in the thread pool."""

from fastapi import FastAPI, UploadFile

from tests.benchmarks.alternatives.engine import answer, load, prepare

app = FastAPI()
classify = load("call")


@app.post("/predict")
def predict(file: UploadFile) -> dict[str, int | list[float]]:
    return answer(classify(prepare(file.file.read())[None])[0])
