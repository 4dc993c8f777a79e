package android.os;

public class Build {
    public static final String SOC_MODEL = "".trim();
    public static class VERSION {
        public static final int SDK_INT = "".length();
    }
}
