package com.google.ai.edge.litert

import android.content.Context
import android.content.res.AssetManager

enum class Accelerator { NONE, CPU, GPU, NPU }

interface NpuCompatibilityChecker {
    fun isDeviceSupported(): Boolean
}

interface NpuAcceleratorProvider {
    fun isDeviceSupported(): Boolean

    fun isLibraryReady(): Boolean

    suspend fun downloadLibrary()

    fun getLibraryDir(): String
}

class BuiltinNpuAcceleratorProvider(
    private val context: Context,
    private val checker: NpuCompatibilityChecker,
) : NpuAcceleratorProvider {
    override fun isDeviceSupported() = checker.isDeviceSupported()

    override fun isLibraryReady() = true

    override suspend fun downloadLibrary() {}

    override fun getLibraryDir() = context.packageName
}

class Environment private constructor() : AutoCloseable {
    enum class Option { CompilerPluginLibraryDir, DispatchLibraryDir }

    override fun close() {}

    companion object {
        fun create(
            npuAcceleratorProvider: NpuAcceleratorProvider,
            options: Map<Option, String> = mapOf(),
        ): Environment = Environment()
    }
}

class TensorBuffer : AutoCloseable {
    fun writeFloat(data: FloatArray) {}

    fun readFloat(): FloatArray = FloatArray(0)

    override fun close() {}
}

class CompiledModel : AutoCloseable {
    class Options(val accelerators: Set<Accelerator>) {
        constructor(vararg accelerators: Accelerator) : this(setOf(*accelerators))
    }

    fun createInputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = listOf()

    fun createOutputBuffers(signatureIndex: Int = 0): List<TensorBuffer> = listOf()

    fun run(inputs: List<TensorBuffer>, outputs: List<TensorBuffer>, signatureIndex: Int = 0) {}

    override fun close() {}

    companion object {
        fun create(
            assetManager: AssetManager,
            assetName: String,
            options: Options = Options(Accelerator.CPU),
            optionalEnv: Environment? = null,
        ): CompiledModel = CompiledModel()
    }
}
