package com.example.segmentation

import android.content.Context
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter

/** LiteRT's older way, on the processor: XNNPACK takes the whole graph. */
class InterpreterSegmenter(context: Context, file: String, threads: Int = 2) : Segmenter {

    private val interpreter: Interpreter
    private val input: ByteBuffer
    private val output: ByteBuffer

    init {
        val content = context.assets.open(file).use { it.readBytes() }
        val model = ByteBuffer.allocateDirect(content.size).order(ByteOrder.nativeOrder())
        model.put(content).rewind()
        val options = Interpreter.Options().setNumThreads(threads).setUseXNNPACK(true)
        interpreter = Interpreter(model, options)
        input = floats(interpreter.getInputTensor(0).numElements())
        output = floats(interpreter.getOutputTensor(0).numElements())
    }

    override fun segment(picture: Picture): Mask {
        input.rewind()
        input.asFloatBuffer().put(picture.rgb())
        output.rewind()
        interpreter.run(input, output)
        output.rewind()
        val logits = FloatArray(output.capacity() / 4)
        output.asFloatBuffer().get(logits)
        return argmax(logits, picture.width, picture.height)
    }

    private fun floats(count: Int) =
        ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder())

    override fun close() = interpreter.close()
}
