"""Whether the constants of a .tflite file are numbers."""

from __future__ import annotations

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from segnet_tf.errors import UserError
from segnet_tf.export.tflite_file.flatbuffer import damage_in_one_line
from segnet_tf.export.tflite_file.proportion import require_proportion

_FLOATS = {schema.TensorType.FLOAT32: "<f4", schema.TensorType.FLOAT16: "<f2"}


def require_numbers(content: bytes, name: str) -> None:
    """Raises UserError for a file with NaN in a constant; infinity may be the edge of a clamp.

    Args:
        content: of the whole file, with any number of graphs.
        name: of the file, for the message.
    """
    with damage_in_one_line():
        require_proportion(content)
        model = schema.Model.GetRootAs(content, 0)
        for graph in map(model.Subgraphs, range(model.SubgraphsLength())):
            for tensor in map(graph.Tensors, range(graph.TensorsLength())):
                buffer = model.Buffers(tensor.Buffer())
                if tensor.Type() not in _FLOATS or not buffer.DataLength():
                    continue
                values = buffer.DataAsNumpy().view(_FLOATS[tensor.Type()])
                if np.isnan(values).any():
                    raise UserError(
                        "`model` must have finite weights. Received: NaN in "
                        f"{tensor.Name().decode(errors='replace')} of {name}. Export it again, "
                        "from a model whose training went well."
                    )
