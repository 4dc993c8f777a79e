package android.os;

import org.jetbrains.annotations.Nullable;

public class BaseBundle {
    public @Nullable String getString(String key) { return null; }
    public void putString(String key, String value) {}
}
