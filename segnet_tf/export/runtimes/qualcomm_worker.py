"""The emulated half of `qualcomm`: runs a compiled file. It has LiteRT and ONNX Runtime only.

python -m segnet_tf.export.runtimes.qualcomm_worker FILE INPUTS.npz OUTPUTS.npz NAME:DTYPE:SHAPE...
(the input and the outputs, as the compiled binary has them)

LiteRT's own runtime runs such a file on a phone only. ONNX Runtime has an emulator of the processor
in its QNN provider, and takes the same binary as an `EPContext` node.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import onnxruntime_qnn
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from onnx import helper

# Qualcomm's domain of ONNX nodes, and ONNX's versions that its provider takes.
DOMAIN, OPSET, IR_VERSION = "com.microsoft", 21, 10


def binary(content: bytes) -> tuple[str, bytes]:
    """Name and content of the binary that a compiled file holds behind its graph."""
    graph = schema.ModelT.InitFromPackedBuf(content).subgraphs[0]
    (op,) = graph.operators
    options = flexbuffers.Loads(bytes(op.customOptions))
    start = options["bytecode_offset"]
    return options["name"], content[start : start + options["bytecode_size"]]


def session(name: str, context: bytes, faces: list[str]) -> onnxruntime.InferenceSession:
    """What runs the binary on the emulated NPU, and nothing of it elsewhere."""
    values = []
    for face in faces:
        tensor, dtype, shape = face.split(":")
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        values.append(helper.make_tensor_value_info(tensor, kind, list(map(int, shape.split("x")))))
    node = helper.make_node(
        "EPContext",
        [values[0].name],
        [value.name for value in values[1:]],
        name=name,
        domain=DOMAIN,
        embed_mode=1,
        main_context=1,
        ep_cache_context=context,
        partition_name=name,
        source="QNN",
    )
    model = helper.make_model(
        helper.make_graph([node], name, values[:1], values[1:]),
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
        ir_version=IR_VERSION,
    )
    onnxruntime.register_execution_provider_library("QNN", onnxruntime_qnn.get_library_path())
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.disable_cpu_ep_fallback", "1")
    devices = [device for device in onnxruntime.get_ep_devices() if device.ep_name == "QNN"]
    backend = {"backend_path": onnxruntime_qnn.get_qnn_htp_path()}
    options.add_provider_for_devices(devices, backend)
    return onnxruntime.InferenceSession(model.SerializeToString(), options)


def main(arguments: list[str]) -> int:
    """A compiled file and images in, every output of each image into a file."""
    file, inputs, outputs, *faces = arguments
    running = session(*binary(Path(file).read_bytes()), faces)
    names = [face.split(":")[0] for face in faces]
    found: dict[str, np.ndarray] = {}
    with np.load(inputs) as images:
        for number, image in enumerate(images.files):
            values = running.run(names[1:], {names[0]: images[image]})
            found |= {f"{number}_{n}": v for n, v in zip(names[1:], values, strict=True)}
    np.savez(outputs, allow_pickle=False, **found)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
