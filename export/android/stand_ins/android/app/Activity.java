package android.app;

import android.os.Bundle;
import org.jetbrains.annotations.Nullable;

public class Activity extends android.content.ContextWrapper {
    protected void onCreate(@Nullable Bundle state) {}
    protected void onResume() {}
    protected void onDestroy() {}
    protected void onSaveInstanceState(Bundle state) {}
    public void setContentView(int id) {}
    public <T extends android.view.View> T findViewById(int id) { return null; }
    public final void runOnUiThread(Runnable r) {}
    public boolean shouldShowRequestPermissionRationale(String p) { return false; }
}
