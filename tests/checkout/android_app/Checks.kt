package com.example.segmentation

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder

/**
 * Does what each line of a file says with the app's code, for test_android_app.py to compare: a
 * word for what to do, then numbers and files of bytes, int32 or float32, the last to be written.
 */
fun main(arguments: Array<String>) = File(arguments[0]).forEachLine { line ->
    val words = line.split(" ")
    when (words[0]) {
        "upright" -> {
            val (orientation, width, height, toWidth, toHeight) = numbers(words, 1..5)
            val picture = Picture(width, height, ints(words[6]))
            val part = if (words.size > 8) part(numbers(words, 8..11)) else picture.whole()
            val found = picture.upright(toWidth, toHeight, turn(orientation), part)
            write(words[7], found.argb)
        }

        "camera" -> {
            val (degrees, width, height) = numbers(words, 1..3)
            val swapped = degrees % 180 != 0
            val picture = Picture(width, height, ints(words[4]))
            val (toWidth, toHeight) = if (swapped) height to width else width to height
            write(words[5], picture.upright(toWidth, toHeight, Turn(degrees)).argb)
        }

        "rgba" -> {
            val (width, height, stride) = numbers(words, 1..3)
            write(words[5], rgba(bytes(words[4]), width, height, stride).argb)
        }

        "rgb" -> write(words[2], Picture(1, ints(words[1]).size, ints(words[1])).rgb())

        "argmax" -> {
            val (width, height) = numbers(words, 1..2)
            File(words[4]).writeBytes(argmax(floats(words[3]), width, height).ids)
        }

        "painted" -> {
            val ids = File(words[3]).readBytes()
            val palette = ints(words[2])
            write(words[4], Mask(ids.size, 1, ids).painted(palette, words[1].toInt()))
        }

        "shares" -> {
            val ids = File(words[2]).readBytes()
            write(words[3], Mask(ids.size, 1, ids).shares(words[1].toInt()))
        }

        "sampling" -> {
            val (width, height, modelWidth, modelHeight) = numbers(words, 1..4)
            println(sampling(width, height, Model("", "", modelWidth, modelHeight)))
        }

        "manifest" -> {
            val found = manifest(File(words[1]).readText())
            for (it in found.models) println("${it.file} ${it.format} ${it.width} ${it.height}")
            found.labels.forEach(::println)
            println(found.palette.joinToString(" ") { "%06X".format(it) })
        }

        "engines" -> {
            val found = engines(manifest(File(words[1]).readText()), words.drop(3), words[2])
            println(found.joinToString("; ") { "$it: ${it.file}" })
        }

        "times" -> {
            val times = FrameTimes(words[1].toInt())
            for (i in 2 until words.size step 3) {
                val (model, whole, end) = words.subList(i, i + 3).map { it.toLong() }
                times.add(model, whole, end)
            }
            println("${times.model} ${times.whole} ${times.rate}")
        }

        else -> error(line)
    }
}

private fun numbers(words: List<String>, which: IntRange) = words.slice(which).map { it.toInt() }

private fun part(sides: List<Int>) = Part(sides[0], sides[1], sides[2], sides[3])

private fun bytes(file: String): ByteBuffer =
    ByteBuffer.wrap(File(file).readBytes()).order(ByteOrder.LITTLE_ENDIAN)

private fun ints(file: String) = bytes(file).asIntBuffer().let { all ->
    IntArray(all.remaining()).also { all.get(it) }
}

private fun floats(file: String) = bytes(file).asFloatBuffer().let { all ->
    FloatArray(all.remaining()).also { all.get(it) }
}

private fun write(file: String, values: IntArray) {
    val written = ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN)
    written.asIntBuffer().put(values)
    File(file).writeBytes(written.array())
}

private fun write(file: String, values: FloatArray) {
    val written = ByteBuffer.allocate(4 * values.size).order(ByteOrder.LITTLE_ENDIAN)
    written.asFloatBuffer().put(values)
    File(file).writeBytes(written.array())
}
