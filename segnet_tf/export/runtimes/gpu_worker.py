"""Runs a .tflite file on LiteRT's GPU delegate. A process of its own, started by `gpu_runtime`.

It must import neither TensorFlow, whose LLVM would take the place of the Vulkan driver's and end
the process, nor anything that does.

python -m segnet_tf.export.runtimes.gpu_worker FILE PRECISION INPUTS.npz OUTPUTS.npz
"""

from __future__ import annotations

import sys

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel, GpuOptions, HardwareAccelerator, Options

# Told by the exit code, so that no line of the runtime's log can be taken for it.
REFUSED, NOT_ON_GPU = 3, 4


def main(arguments: list[str]) -> int:
    """Runs the file on every input, in the file's own dtypes, and saves every output.

    An output is saved as `IMAGE_TENSOR`, the numbers of the image and of the file's tensor.
    """
    file, precision, inputs, outputs = arguments
    # The GPU alone: together with the CPU, a graph of which nothing runs on the GPU counts as
    # accelerated too.
    options = Options(
        hardware_accelerators=HardwareAccelerator.GPU,
        gpu_options=GpuOptions(enforce_f32=precision == "float32"),
    )
    try:
        model = CompiledModel.from_file(file, options=options)
    except (RuntimeError, ValueError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    if not model.is_fully_accelerated():
        return NOT_ON_GPU
    signature = model.get_signature_by_index(0)
    details = model.get_output_tensor_details(signature["key"])
    tensors = [details[name]["index"] for name in signature["outputs"]]
    sources, targets = model.create_input_buffers(0), model.create_output_buffers(0)
    answers = {}
    with np.load(inputs) as images:
        for number, key in enumerate(images.files):
            sources[0].write(images[key])
            model.run_by_index(0, sources, targets)
            for tensor, target in zip(tensors, targets, strict=True):
                detail = target.get_tensor_details()
                shape = tuple(detail["shape"])
                values = target.read(int(np.prod(shape)), np.dtype(detail["dtype"]))
                answers[f"{number}_{tensor}"] = values.reshape(shape)
    np.savez(outputs, **answers)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
