package android.net;

public abstract class Uri {
    public static Uri parse(String s) { return null; }
    public static Uri fromParts(String scheme, String ssp, String fragment) { return null; }
}
