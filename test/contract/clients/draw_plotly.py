"""Print what becomes of a figure of plotly: its picture's first bytes and size, and the sentence without kaleido."""

import importlib
import json
import sys

import plotly.graph_objects as go

sys.path.insert(0, sys.argv[1])
binary, json_codec = (importlib.import_module(f"nb_scorer.model.{name}") for name in ("binary", "json_codec"))
if sys.argv[2:] == ["without"]:
    # As if it were not installed: plotly looks for it when it draws.
    sys.modules["kaleido"] = None

figure = go.Figure(data=[go.Bar(y=[2, 1, 3])], layout={"width": 300, "height": 200})
found = {"is_file": binary.is_file_answer(go.Figure, [])}
try:
    part = binary.part_of_answer(figure)
    size = [int.from_bytes(part.content[at : at + 4], "big") for at in (16, 20)]
    found.update(type=part.media_type, magic=part.content[1:4].decode(), size=size)
    found["in json"] = json.loads(json_codec.encode({"drawn": [figure]}))["drawn"][0][:22]
except json_codec.NoJsonForm as error:
    found["error"] = str(error)
print(json.dumps(found))
