import android.graphics.Bitmap

/** A class id for each pixel, row by row, and the size of the map. */
class Mask(val width: Int, val height: Int, val ids: ByteArray) {

    /** The mask in colors, see-through, to be drawn over the image. `palette`: 0xRRGGBB a class. */
    fun painted(palette: IntArray, alpha: Int = 128): Bitmap {
        val colors = IntArray(ids.size) { (alpha shl 24) or palette[ids[it].toInt()] }
        return Bitmap.createBitmap(colors, width, height, Bitmap.Config.ARGB_8888)
    }
}

/** The bitmap stretched to the model's size, as RGB 0..255: normalization is in the model. */
fun rgb(bitmap: Bitmap, width: Int, height: Int): FloatArray {
    val scaled = Bitmap.createScaledBitmap(bitmap, width, height, true)
    val argb = IntArray(width * height)
    scaled.getPixels(argb, 0, width, 0, 0, width, height)
    val values = FloatArray(3 * argb.size)
    for (i in argb.indices) {
        values[3 * i] = (argb[i] shr 16 and 255).toFloat()
        values[3 * i + 1] = (argb[i] shr 8 and 255).toFloat()
        values[3 * i + 2] = (argb[i] and 255).toFloat()
    }
    return values
}

/** The largest logit of each pixel wins, the first of equals. */
fun argmax(logits: FloatArray, width: Int, height: Int): Mask {
    val pixels = width * height
    val classes = logits.size / pixels
    val ids = ByteArray(pixels) { pixel ->
        var best = pixel * classes
        for (i in best + 1 until (pixel + 1) * classes) if (logits[i] > logits[best]) best = i
        (best - pixel * classes).toByte()
    }
    return Mask(width, height, ids)
}
