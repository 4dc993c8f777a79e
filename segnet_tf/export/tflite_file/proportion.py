"""Whether a .tflite file says no more than it holds.

In a flatbuffer many entries may point at one table. So a file of 10 MB can list a million ops, each
with the same million inputs, and to read it as objects would take more than any memory.
"""

from __future__ import annotations

from collections.abc import Iterator

from ai_edge_litert import schema_py_generated as schema

# Ops and tensors together; a network with 64 samples of its dropout has 10,000.
_MOST_ENTRIES = 200_000
# A few writers let equal vectors be one.
_SHARED = 4


def require_proportion(content: bytes) -> None:
    """Raises ValueError for a .tflite file whose lists are far longer than the file.

    Args:
        content: of the file. Damaged offsets raise exceptions of many types.
    """
    total, entries = 0, 0
    for length in _lengths(schema.Model.GetRootAs(content, 0)):
        total, entries = total + length, entries + 1
        if total > _SHARED * len(content) or entries > 8 * _MOST_ENTRIES:
            raise ValueError("its lists are longer than the file")


def _lengths(model: schema.Model) -> Iterator[int]:
    for index in range(model.BuffersLength()):
        yield model.Buffers(index).DataLength()
    for index in range(model.OperatorCodesLength()):
        yield len(model.OperatorCodes(index).CustomCode() or b"")
    for index in range(model.MetadataLength()):
        yield len(model.Metadata(index).Name() or b"")
    for index in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(index)
        yield signature.InputsLength() + signature.OutputsLength()
    for index in range(model.SubgraphsLength()):
        graph = model.Subgraphs(index)
        yield graph.InputsLength() + graph.OutputsLength()
        yield from _of_tensors(graph)
        for number in range(graph.OperatorsLength()):
            op = graph.Operators(number)
            yield op.InputsLength() + op.OutputsLength() + op.IntermediatesLength()
            yield op.CustomOptionsLength() + op.MutatingVariableInputsLength()


def _of_tensors(graph: schema.SubGraph) -> Iterator[int]:
    for number in range(graph.TensorsLength()):
        tensor = graph.Tensors(number)
        yield tensor.ShapeLength() + tensor.ShapeSignatureLength() + len(tensor.Name() or b"")
        yield tensor.VariantTensorsLength()
        if (scales := tensor.Quantization()) is not None:
            yield scales.ScaleLength() + scales.ZeroPointLength()
            yield scales.MinLength() + scales.MaxLength()
        if (sparsity := tensor.Sparsity()) is not None:
            yield sparsity.TraversalOrderLength() + sparsity.BlockMapLength()
            yield sparsity.DimMetadataLength()
