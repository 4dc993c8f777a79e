package com.example.segmentation

import android.content.Context
import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import kotlin.math.ln

/** Class ids, and of each pixel the entropy in nats: 0 is sure, ln(classes) knows nothing. */
class UnsureMask(val mask: Mask, val entropy: FloatArray, val classes: Int) {

    /** Colors that fade where the model is unsure, and are gone from half of ln(classes) on. */
    fun painted(palette: IntArray, alpha: Int = 128): IntArray {
        val half = ln(classes.toFloat()) / 2
        return IntArray(entropy.size) { pixel ->
            val shown = (alpha * (1 - entropy[pixel] / half)).toInt().coerceIn(0, alpha)
            (shown shl 24) or palette[mask.ids[pixel].toInt() and 255]
        }
    }
}

/** A file exported with `--mc-samples N` or `--uncertainty entropy`, on the processor. */
class UnsureSegmenter(context: Context, file: String) : AutoCloseable {

    private val options = CompiledModel.Options(Accelerator.CPU)
    private val model = CompiledModel.create(context.assets, file, options)
    private val inputs = model.createInputBuffers()

    // In the file's order: the uncertainty, then the classes, which MediaPipe wants last.
    private val outputs = model.createOutputBuffers()

    /** `picture` is upright and of the model's size. */
    fun segment(picture: Picture): UnsureMask {
        inputs[0].writeFloat(picture.rgb())
        model.run(inputs, outputs)
        val entropy = outputs[0].readFloat()
        val probabilities = outputs[1].readFloat()
        val mask = argmax(probabilities, picture.width, picture.height)
        return UnsureMask(mask, entropy, probabilities.size / entropy.size)
    }

    override fun close() {
        inputs.forEach { it.close() }
        outputs.forEach { it.close() }
        model.close()
    }
}
