package com.example.segmentation

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** A .tflite file: its name among the assets, `int8` or `float16`, the size of its images. */
class Model(val file: String, val format: String, val width: Int, val height: Int)

/** What manifest.json says. `palette`: 0xRRGGBB for each label, in order of the ids. */
class Manifest(val models: List<Model>, val labels: List<String>, val palette: IntArray)

/** Throws IllegalArgumentException or NullPointerException for a text that is no manifest. */
fun manifest(text: String): Manifest {
    val all = Json.parseToJsonElement(text).jsonObject
    val models = all.getValue("models").jsonArray.map {
        val entry = it.jsonObject
        val shape = entry.getValue("input").jsonObject.getValue("shape").jsonArray
        Model(
            entry.getValue("file").jsonPrimitive.content,
            entry.getValue("format").jsonPrimitive.content,
            width = shape[2].jsonPrimitive.int,
            height = shape[1].jsonPrimitive.int,
        )
    }
    val labels = all.getValue("labels").jsonArray.map { it.jsonPrimitive.content }
    val palette = all.getValue("palette").jsonArray.map { color ->
        val (red, green, blue) = color.jsonArray.map { it.jsonPrimitive.int }
        (red shl 16) or (green shl 8) or blue
    }
    return Manifest(models, labels, palette.toIntArray())
}
