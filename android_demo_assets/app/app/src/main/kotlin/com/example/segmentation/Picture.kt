package com.example.segmentation

import java.nio.ByteBuffer
import java.nio.ByteOrder

/** An image: 0xAARRGGBB for each pixel, row by row. */
class Picture(val width: Int, val height: Int, val argb: IntArray) {

    /** RGB 0..255, as the models take it: normalization is inside them. */
    fun rgb(): FloatArray {
        val values = FloatArray(3 * argb.size)
        for (i in argb.indices) {
            values[3 * i] = (argb[i] shr 16 and 255).toFloat()
            values[3 * i + 1] = (argb[i] shr 8 and 255).toFloat()
            values[3 * i + 2] = (argb[i] and 255).toFloat()
        }
        return values
    }

    /** A part of it, turned and then stretched to a size, bilinearly, opaque. */
    fun upright(width: Int, height: Int, turn: Turn = Turn(), part: Part = whole()): Picture {
        val swapped = turn.degrees % 180 != 0
        // Which way source and result run against each other.
        val backX = (turn.degrees == 180 || turn.degrees == 270) != turn.mirrored
        val backY = turn.degrees == 90 || turn.degrees == 180
        val partWidth = part.right - part.left
        val partHeight = part.bottom - part.top
        val across = Axis(part.left, partWidth, if (swapped) height else width, backX)
        val down = Axis(part.top, partHeight, if (swapped) width else height, backY)
        val result = IntArray(width * height)
        for (y in 0 until height) {
            for (x in 0 until width) {
                val column = if (swapped) y else x
                val row = if (swapped) x else y
                result[y * width + x] = between(across, column, down, row)
            }
        }
        return Picture(width, height, result)
    }

    fun whole() = Part(0, 0, width, height)

    private fun between(across: Axis, column: Int, down: Axis, row: Int): Int {
        val top = down.low[row] * width
        val bottom = down.high[row] * width
        val a = argb[top + across.low[column]]
        val b = argb[top + across.high[column]]
        val c = argb[bottom + across.low[column]]
        val d = argb[bottom + across.high[column]]
        var pixel = 255
        for (shift in 16 downTo 0 step 8) {
            val upper = mix(a shr shift and 255, b shr shift and 255, across.weight[column])
            val lower = mix(c shr shift and 255, d shr shift and 255, across.weight[column])
            val value = upper + (lower - upper) * down.weight[row]
            pixel = (pixel shl 8) or (value + 0.5f).toInt()
        }
        return pixel
    }

    private fun mix(first: Int, second: Int, weight: Float) = first + (second - first) * weight
}

/** A rectangle of whole pixels. `right` and `bottom` are the first ones outside. */
class Part(val left: Int, val top: Int, val right: Int, val bottom: Int)

/** What makes a picture upright: left and right change places, then it turns clockwise. */
class Turn(val degrees: Int = 0, val mirrored: Boolean = false) {
    init {
        require(degrees in 0..270 && degrees % 90 == 0) { "0, 90, 180 or 270, not $degrees" }
    }
}

/** The turn for an EXIF orientation, 1 to 8. Anything else counts as upright. */
fun turn(orientation: Int): Turn = when (orientation) {
    2 -> Turn(0, mirrored = true)
    3 -> Turn(180)
    4 -> Turn(180, mirrored = true)
    5 -> Turn(270, mirrored = true)
    6 -> Turn(90)
    7 -> Turn(90, mirrored = true)
    8 -> Turn(270)
    else -> Turn()
}

/** A camera's image: red, green, blue and alpha in a byte each, rows `rowStride` bytes apart. */
fun rgba(bytes: ByteBuffer, width: Int, height: Int, rowStride: Int): Picture {
    // Red comes first, so it is the lowest byte.
    val numbers = bytes.duplicate().order(ByteOrder.LITTLE_ENDIAN)
    val argb = IntArray(width * height)
    for (y in 0 until height) {
        numbers.position(y * rowStride)
        numbers.asIntBuffer().get(argb, y * width, width)
    }
    for (i in argb.indices) {
        val pixel = argb[i]
        val red = pixel and 0xFF
        val blue = pixel shr 16 and 0xFF
        argb[i] = (pixel and 0xFF00FF00.toInt()) or (red shl 16) or blue
    }
    return Picture(width, height, argb)
}

/** By what power of two a picture may be read smaller: both sides stay as long as the model's. */
fun sampling(width: Int, height: Int, model: Model): Int {
    var factor = 1
    while (width / (2 * factor) >= model.width && height / (2 * factor) >= model.height) factor *= 2
    return factor
}

/** Where on one axis the values come from: between which two, and how near to the second. */
private class Axis(start: Int, size: Int, count: Int, back: Boolean) {
    val low = IntArray(count)
    val high = IntArray(count)
    val weight = FloatArray(count)

    init {
        for (i in 0 until count) {
            // Centers of pixels, as the models are trained: half a pixel from the border.
            val center = ((i + 0.5f) * size / count - 0.5f).coerceIn(0f, size - 1f)
            val place = if (back) size - 1 - center else center
            val first = place.toInt()
            low[i] = start + first
            high[i] = start + (first + 1).coerceAtMost(size - 1)
            weight[i] = place - first
        }
    }
}
