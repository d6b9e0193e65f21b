"""FastAPI as its documentation writes it, for uvicorn."""

from fastapi import FastAPI, Request
from model import predictor

app = FastAPI()


@app.post("/predict")
async def predict(request: Request):
    """Answer one sample."""
    return predictor(await request.json())
