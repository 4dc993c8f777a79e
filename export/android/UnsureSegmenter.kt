import android.content.Context
import android.graphics.Bitmap
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.math.ln
import org.tensorflow.lite.Interpreter

/** Class ids, and of each pixel the entropy in nats: 0 is sure, ln(classes) knows nothing. */
class UnsureMask(val mask: Mask, val entropy: FloatArray, val classes: Int) {

    /** Colors that fade where the model is unsure, and are gone from half of ln(classes) on. */
    fun painted(palette: IntArray, alpha: Int = 128): Bitmap {
        val half = ln(classes.toFloat()) / 2
        val colors = IntArray(entropy.size) { pixel ->
            val shown = (alpha * (1 - entropy[pixel] / half)).toInt().coerceIn(0, alpha)
            (shown shl 24) or palette[mask.ids[pixel].toInt()]
        }
        return Bitmap.createBitmap(colors, mask.width, mask.height, Bitmap.Config.ARGB_8888)
    }
}

/** A file exported with `--mc-samples N` or `--uncertainty entropy`, on the processor. */
class UnsureSegmenter(context: Context, file: String, threads: Int = 2) : AutoCloseable {

    private val interpreter: Interpreter
    private val height: Int
    private val width: Int
    private val classes: Int
    private val image: ByteBuffer
    private val probabilities: ByteBuffer
    private val uncertainty: ByteBuffer

    init {
        val content = context.assets.open(file).use { it.readBytes() }
        val model = ByteBuffer.allocateDirect(content.size).order(ByteOrder.nativeOrder())
        model.put(content).rewind()
        val options = Interpreter.Options().setNumThreads(threads).setUseXNNPACK(true)
        interpreter = Interpreter(model, options)
        // The uncertainty is output 0, and the classes are the last one, as MediaPipe has them.
        val shape = interpreter.getOutputTensor(1).shape() // 1, height, width, classes
        height = shape[1]
        width = shape[2]
        classes = shape[3]
        image = floats(3)
        probabilities = floats(classes)
        uncertainty = floats(1)
    }

    /** Both outputs by their names. */
    fun segment(bitmap: Bitmap): UnsureMask {
        image.rewind()
        image.asFloatBuffer().put(rgb(bitmap, width, height))
        probabilities.rewind()
        uncertainty.rewind()
        interpreter.runSignature(
            mapOf<String, Any>("image" to image),
            mapOf<String, Any>("probabilities" to probabilities, "uncertainty" to uncertainty),
        )
        return UnsureMask(argmax(read(probabilities), width, height), read(uncertainty), classes)
    }

    private fun floats(channels: Int) =
        ByteBuffer.allocateDirect(4 * height * width * channels).order(ByteOrder.nativeOrder())

    private fun read(buffer: ByteBuffer): FloatArray {
        buffer.rewind()
        return FloatArray(buffer.capacity() / 4).also { buffer.asFloatBuffer().get(it) }
    }

    override fun close() = interpreter.close()
}
