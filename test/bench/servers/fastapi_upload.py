"""FastAPI with an uploaded file as its documentation writes it, for uvicorn; bench/binary.py has the same predictor."""

from fastapi import FastAPI, UploadFile

app = FastAPI()


@app.post("/predict")
async def predict(picture: UploadFile):
    """Answer one file."""
    return len(await picture.read())
