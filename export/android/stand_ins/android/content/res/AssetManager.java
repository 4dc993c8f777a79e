package android.content.res;

import org.jetbrains.annotations.Nullable;

public final class AssetManager {
    public java.io.InputStream open(String name) throws java.io.IOException { return null; }
    public @Nullable String[] list(String path) throws java.io.IOException { return null; }
}
