#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""api_model.py [--check]: writes src/api/model.inc, the shapes and operations of the API, from the service model that
the pinned botocore ships. The file is committed, so that no Python is needed to build; --check only compares."""

import gzip
import json
import pathlib
import sys

import botocore

TOP = pathlib.Path(__file__).resolve().parent.parent
OUTPUT = TOP / "src/api/model.inc"
KINDS = {"structure": "structure", "list": "list", "string": "text", "boolean": "boolean", "integer": "integer",
         "long": "integer_long", "double": "real", "blob": "blob"}
NONE = "no_shape"
# Enumerations that are shorter than what the model's own documentation of their members lists.
DOCUMENTED_VALUES = {"SourceType": ["replication-instance", "replication-task"]}


def service_model():
    folder = pathlib.Path(botocore.__file__).parent / "data/dms/2016-01-01"
    plain = folder / "service-2.json"
    if plain.exists():
        return json.loads(plain.read_text(encoding="utf-8"))
    return json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))


def kind_of(shape):
    if shape["type"] == "timestamp":
        return "iso_time" if shape.get("timestampFormat") == "iso8601" else "epoch_time"
    return KINDS[shape["type"]]


def model_text(model):
    shapes = model["shapes"]
    number = {name: at for at, name in enumerate(sorted(shapes))}
    members, values, errors, rows, operations = [], [], [], [], []
    for name in sorted(shapes):
        shape = shapes[name]
        first, count, element = 0, 0, NONE
        if shape["type"] == "structure":
            first, count = len(members), len(shape["members"])
            required = set(shape.get("required", []))
            for member in sorted(shape["members"]):
                members.append(f'{{"{member}", {number[shape["members"][member]["shape"]]}, '
                               f'{"true" if member in required else "false"}}},')
        elif "enum" in shape:
            documented = DOCUMENTED_VALUES.get(name, shape["enum"])
            first, count = len(values), len(documented)
            values += [f'"{value}",' for value in documented]
        elif shape["type"] == "list":
            element = number[shape["member"]["shape"]]
        sensitive = "true" if shape.get("sensitive") and shape["type"] == "string" else "false"
        rows.append(f'{{"{name}", Kind::{kind_of(shape)}, {first}, {count}, {element}, {shape.get("min", 0)}, '
                    f'{shape.get("max", 0)}, {sensitive}}},')
    for name in sorted(model["operations"]):
        operation = model["operations"][name]
        output = number[operation["output"]["shape"]] if "output" in operation else NONE
        faults = [number[error["shape"]] for error in operation.get("errors", [])]
        operations.append(f'{{"{name}", {number[operation["input"]["shape"]] if "input" in operation else NONE}, '
                          f'{output}, {len(errors)}, {len(faults)}}},')
        errors += [f"{fault}," for fault in faults]
    text = ["// SPDX-License-Identifier: Apache-2.0", f"// Made by tools/api_model.py from botocore {botocore.__version__}; "
            "do not edit."]
    for kind, name, lines in (("Member", "all_members", members), ("std::string_view", "all_values", values),
                              ("ShapeId", "all_errors", errors), ("Shape", "all_shapes", rows),
                              ("Operation", "all_operations", operations)):
        text += [f"constexpr {kind} {name}[] = {{", *lines, "};"]
    return "\n".join(text) + "\n"


def main():
    text = model_text(service_model())
    if "--check" in sys.argv:
        if OUTPUT.read_text(encoding="utf-8") != text:
            sys.exit("src/api/model.inc is not what tools/api_model.py writes; run it")
        return
    OUTPUT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
