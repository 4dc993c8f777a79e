package com.example.segmentation

/** A class id for each pixel, row by row, and the size of the map. */
class Mask(val width: Int, val height: Int, val ids: ByteArray) {

    /** The mask in colors, see-through, to be drawn over the image. `palette`: 0xRRGGBB a class. */
    fun painted(palette: IntArray, alpha: Int = 128) =
        IntArray(ids.size) { (alpha shl 24) or palette[ids[it].toInt() and 255] }

    /** Of each class the share of the pixels, 0..1. */
    fun shares(classes: Int): FloatArray {
        val counts = IntArray(classes)
        for (id in ids) counts[id.toInt() and 255]++
        return FloatArray(classes) { counts[it].toFloat() / ids.size }
    }
}

/** The largest logit of each pixel wins, the first of equals. A single one is for class 1. */
fun argmax(logits: FloatArray, width: Int, height: Int): Mask {
    val pixels = width * height
    val classes = logits.size / pixels
    if (classes == 1) return Mask(width, height, ByteArray(pixels) { if (logits[it] > 0) 1 else 0 })
    val ids = ByteArray(pixels) { pixel ->
        var best = pixel * classes
        for (i in best + 1 until (pixel + 1) * classes) if (logits[i] > logits[best]) best = i
        (best - pixel * classes).toByte()
    }
    return Mask(width, height, ids)
}
