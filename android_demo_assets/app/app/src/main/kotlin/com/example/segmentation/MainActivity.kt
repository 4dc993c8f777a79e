package com.example.segmentation

import android.Manifest.permission.CAMERA
import android.content.Intent
import android.content.pm.PackageManager.PERMISSION_GRANTED
import android.graphics.Bitmap
import android.net.Uri
import android.os.Build
import android.os.Bundle
import android.provider.Settings
import android.view.View
import android.widget.AdapterView
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.ImageView
import android.widget.Spinner
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import androidx.activity.result.contract.ActivityResultContracts.RequestPermission
import java.util.concurrent.Executor

/** The camera or a picture with the model's mask on it, and what it runs on to choose from. */
class MainActivity :
    ComponentActivity(),
    SegmentationThread.Listener,
    AdapterView.OnItemSelectedListener {

    private lateinit var manifest: Manifest
    private var engines = listOf<Engine>()
    private lateinit var thread: SegmentationThread
    private lateinit var camera: Camera
    private var times = FrameTimes()
    private var uri: Uri? = null
    private var picture: Picture? = null
    private var engine: Engine? = null

    private val main = Executor { runOnUiThread(it) }

    // What these two say is shown by onResume, which follows.
    private val askForCamera = registerForActivityResult(RequestPermission()) {}
    private val pick = registerForActivityResult(PickVisualMedia()) { uri = it ?: uri }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        setContentView(R.layout.activity_main)
        // Also for what was picked before the phone was turned.
        uri = savedInstanceState?.getString(PICKED)?.let(Uri::parse)
        thread = SegmentationThread(applicationContext, main, this)
        camera = Camera(this, findViewById(R.id.preview), thread)
        try {
            manifest = manifest(assets.open("manifest.json").use { it.reader().readText() })
            val soc = if (Build.VERSION.SDK_INT >= 31) Build.SOC_MODEL else null
            engines = engines(manifest, assets.list("").orEmpty().toList(), soc)
            check(engines.isNotEmpty()) { "manifest.json names none" }
        } catch (error: Exception) {
            engines = listOf()
            problem(getString(R.string.no_models, words(error)))
            findViewById<Button>(R.id.pick).isEnabled = false
            return
        }
        val request = PickVisualMediaRequest.Builder()
            .setMediaType(PickVisualMedia.ImageOnly)
            .build()
        findViewById<Button>(R.id.pick).setOnClickListener { pick.launch(request) }
        findViewById<Button>(R.id.camera).setOnClickListener {
            uri = null
            showSource()
        }
        val choice = findViewById<Spinner>(R.id.engine)
        choice.adapter = ArrayAdapter(this, android.R.layout.simple_spinner_dropdown_item, engines)
        choice.onItemSelectedListener = this // is called for the first one, too
        // Once: turning the phone makes a new activity.
        if (savedInstanceState == null && !mayUseCamera()) askForCamera.launch(CAMERA)
    }

    override fun onResume() {
        super.onResume()
        if (engines.isNotEmpty()) showSource()
    }

    override fun onSaveInstanceState(outState: Bundle) {
        super.onSaveInstanceState(outState)
        outState.putString(PICKED, uri?.toString())
    }

    override fun onDestroy() {
        camera.stop()
        thread.close()
        super.onDestroy()
    }

    override fun onItemSelected(parent: AdapterView<*>?, view: View?, position: Int, id: Long) {
        say(getString(R.string.opening, engines[position]))
        findViewById<ImageView>(R.id.mask).setImageDrawable(null)
        thread.use(engines[position])
    }

    override fun onNothingSelected(parent: AdapterView<*>?) = Unit

    override fun opened(engine: Engine) {
        this.engine = engine
        say(getString(R.string.opened, engine))
        times = FrameTimes()
        picture?.let { thread.segment(it) }
    }

    override fun segmented(mask: Mask, modelNanos: Long, wholeNanos: Long) {
        times.add(modelNanos, wholeNanos, System.nanoTime())
        val painted = bitmap(mask.painted(manifest.palette), mask.width, mask.height)
        findViewById<ImageView>(R.id.mask).setImageBitmap(painted)
        findViewById<TextView>(R.id.legend).text = legend(manifest, mask)
        say(getString(R.string.times, engine, times.model, times.whole, times.rate))
    }

    override fun failed(engine: Engine, error: Throwable, opening: Boolean) {
        findViewById<ImageView>(R.id.mask).setImageDrawable(null)
        val text = if (opening) R.string.not_opened else R.string.not_run
        say(getString(text, engine, words(error)))
    }

    /** What was picked, else the camera, else why there is none. */
    private fun showSource() {
        val picked = uri
        problem(null)
        show(R.id.camera, picked != null)
        show(R.id.picture, picked != null)
        show(R.id.preview, picked == null)
        findViewById<ImageView>(R.id.mask).setImageDrawable(null)
        times = FrameTimes()
        picture = null
        val model = manifest.models.first()
        if (picked != null) {
            camera.stop()
            showPicture(picked, model)
            return
        }
        findViewById<AspectFrame>(R.id.stage).aspect = model.width.toFloat() / model.height
        if (mayUseCamera()) {
            camera.start(model) { problem(getString(R.string.no_camera, words(it))) }
        } else {
            explainPermission()
        }
    }

    private fun showPicture(uri: Uri, model: Model) {
        val view = findViewById<ImageView>(R.id.picture)
        view.setImageDrawable(null)
        val found = try {
            readPicture(contentResolver, uri, model)
        } catch (error: Exception) { // no picture, gone, or no longer shared with this app
            problem(getString(R.string.no_picture, words(error)))
            return
        }
        picture = found
        findViewById<AspectFrame>(R.id.stage).aspect = found.width.toFloat() / found.height
        view.setImageBitmap(bitmap(found.argb, found.width, found.height))
        thread.segment(found)
    }

    private fun explainPermission() {
        // Android asks twice at most. After that only its settings help.
        val mayAsk = shouldShowRequestPermissionRationale(CAMERA)
        problem(getString(R.string.no_permission))
        show(R.id.action, true)
        val action = findViewById<Button>(R.id.action)
        action.setText(if (mayAsk) R.string.allow else R.string.settings)
        action.setOnClickListener {
            if (mayAsk) {
                askForCamera.launch(CAMERA)
            } else {
                val app = Uri.fromParts("package", packageName, null)
                startActivity(Intent(Settings.ACTION_APPLICATION_DETAILS_SETTINGS, app))
            }
        }
    }

    private fun mayUseCamera() = checkSelfPermission(CAMERA) == PERMISSION_GRANTED

    private fun bitmap(argb: IntArray, width: Int, height: Int) =
        Bitmap.createBitmap(argb, width, height, Bitmap.Config.ARGB_8888)

    private fun show(id: Int, shown: Boolean) {
        findViewById<View>(id).visibility = if (shown) View.VISIBLE else View.GONE
    }

    /** Of the model. */
    private fun say(text: String) {
        findViewById<TextView>(R.id.status).text = text
    }

    /** Of what the model is to look at; null if all is well. */
    private fun problem(text: String?) {
        show(R.id.problem, text != null)
        show(R.id.action, false)
        findViewById<TextView>(R.id.problem).text = text
    }

    private fun words(error: Throwable) = error.message ?: error.javaClass.simpleName

    private companion object {
        const val PICKED = "picked"
    }
}
