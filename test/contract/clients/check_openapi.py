"""Say whether a file is a valid OpenAPI document, and whether its examples fit their schemas."""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

with open(sys.argv[1]) as file:
    document = json.load(file)
validate(document)
checked = 0
for path in document["paths"].values():
    for operation in path.values():
        bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
        for content in (content for body in bodies for content in body.get("content", {}).values()):
            for example in content.get("examples", {}).values():
                schema = {**content.get("schema", {}), "components": document["components"]}
                Draft202012Validator(schema).validate(example["value"])
                checked += 1
print(json.dumps(checked))
