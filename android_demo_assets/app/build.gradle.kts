// The Android plugin 9 brings Kotlin 2.2 along, which cannot read libraries of Kotlin 2.4.
buildscript {
    repositories {
        google()
        mavenCentral()
    }
    dependencies {
        classpath(libs.kotlin.gradle.plugin)
    }
}

plugins {
    alias(libs.plugins.android.application) apply false
}
