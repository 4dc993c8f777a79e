package android.content;

import org.jetbrains.annotations.Nullable;

public abstract class ContentResolver {
    public final @Nullable java.io.InputStream openInputStream(android.net.Uri u)
        throws java.io.FileNotFoundException { return null; }
}
