import android.content.Context
import android.graphics.Bitmap
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.tensorflow.lite.Interpreter

/** LiteRT on the processor: XNNPACK takes the whole graph. */
class InterpreterSegmenter(context: Context, file: String, threads: Int = 2) : AutoCloseable {

    private val interpreter: Interpreter
    private val width: Int
    private val height: Int
    private val input: ByteBuffer
    private val output: ByteBuffer

    init {
        val content = context.assets.open(file).use { it.readBytes() }
        val model = ByteBuffer.allocateDirect(content.size).order(ByteOrder.nativeOrder())
        model.put(content).rewind()
        val options = Interpreter.Options().setNumThreads(threads).setUseXNNPACK(true)
        interpreter = Interpreter(model, options)
        val shape = interpreter.getInputTensor(0).shape() // 1, height, width, 3
        height = shape[1]
        width = shape[2]
        input = floats(interpreter.getInputTensor(0).numElements())
        output = floats(interpreter.getOutputTensor(0).numElements())
    }

    /** At the model's size: scale the painted mask up, not the ids. */
    fun segment(bitmap: Bitmap): Mask {
        input.rewind()
        input.asFloatBuffer().put(rgb(bitmap, width, height))
        output.rewind()
        interpreter.run(input, output)
        output.rewind()
        val logits = FloatArray(output.capacity() / 4)
        output.asFloatBuffer().get(logits)
        return argmax(logits, width, height)
    }

    private fun floats(count: Int) =
        ByteBuffer.allocateDirect(4 * count).order(ByteOrder.nativeOrder())

    override fun close() = interpreter.close()
}
