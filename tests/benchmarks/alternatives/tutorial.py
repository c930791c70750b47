"""The pattern of most tutorials: `async def`, `UploadFile`, `model.predict`."""

from fastapi import FastAPI, UploadFile

from tests.benchmarks.alternatives.engine import answer, load, prepare

app = FastAPI()
classify = load("predict")


@app.post("/predict")
async def predict(file: UploadFile) -> dict[str, int | list[float]]:
    return answer(classify(prepare(await file.read())[None])[0])
