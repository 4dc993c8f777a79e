"""Runs a .tflite file on LiteRT's GPU delegate, in a subprocess of `gpu`.

It must not import TensorFlow, nor anything that does: the Vulkan driver would then call the LLVM
inside TensorFlow instead of its own, and crash.

python -m segnet_tf.export.runtimes.gpu_worker FILE PRECISION INPUTS.npz OUTPUTS.npz
"""

from __future__ import annotations

import sys

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel, GpuOptions, HardwareAccelerator, Options

# Exit codes, since the runtime writes its own log to stderr.
REFUSED, NOT_ON_GPU = 3, 4


def main(arguments: list[str]) -> int:
    """Runs the file on every input, in the file's own dtypes, and saves every output.

    An output is saved as `IMAGE_TENSOR`, the indices of the image and of the file's tensor.
    """
    file, precision, inputs, outputs = arguments
    # GPU only: with the CPU allowed too, LiteRT calls a graph accelerated that runs on the CPU.
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
    arrays = {}
    with np.load(inputs) as images:
        for number, key in enumerate(images.files):
            sources[0].write(images[key])
            model.run_by_index(0, sources, targets)
            for tensor, target in zip(tensors, targets, strict=True):
                detail = target.get_tensor_details()
                shape = tuple(detail["shape"])
                values = target.read(int(np.prod(shape)), np.dtype(detail["dtype"]))
                arrays[f"{number}_{tensor}"] = values.reshape(shape)
    np.savez(outputs, **arrays)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
