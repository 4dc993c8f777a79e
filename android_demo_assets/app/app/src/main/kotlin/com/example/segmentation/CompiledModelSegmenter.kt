package com.example.segmentation

import android.content.Context
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.BuiltinNpuAcceleratorProvider
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.Environment
import com.google.ai.edge.litert.NpuCompatibilityChecker

/**
 * LiteRT on the processor, the GPU or an NPU, and on nothing else: what that can't take, throws.
 * For an NPU LiteRT adds the processor by itself, but no processor can run a compiled file.
 */
class CompiledModelSegmenter(context: Context, file: String, chip: Chip) : Segmenter {

    // It finds an NPU's libraries. The file is for this phone's chip, so LiteRT's own list of
    // chips, which is shorter than its compiler's, is not asked.
    private val environment =
        if (chip != Chip.NPU) {
            null
        } else {
            Environment.create(
                BuiltinNpuAcceleratorProvider(
                    context,
                    object : NpuCompatibilityChecker {
                        override fun isDeviceSupported() = true
                    },
                ),
            )
        }
    private val options = CompiledModel.Options(Accelerator.valueOf(chip.name))
    private val model = try {
        CompiledModel.create(context.assets, file, options, environment)
    } catch (error: Exception) {
        environment?.close()
        throw error
    }
    private val inputs = model.createInputBuffers()
    private val outputs = model.createOutputBuffers()

    override fun segment(picture: Picture): Mask {
        inputs[0].writeFloat(picture.rgb())
        model.run(inputs, outputs)
        return argmax(outputs[0].readFloat(), picture.width, picture.height)
    }

    override fun close() {
        inputs.forEach { it.close() }
        outputs.forEach { it.close() }
        model.close()
        environment?.close()
    }
}
