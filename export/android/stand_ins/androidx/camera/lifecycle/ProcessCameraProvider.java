package androidx.camera.lifecycle;

import androidx.camera.core.*;
import com.google.common.util.concurrent.ListenableFuture;

public final class ProcessCameraProvider {
    public static ListenableFuture<ProcessCameraProvider> getInstance(android.content.Context c) {
        return null;
    }
    public boolean hasCamera(CameraSelector s) throws CameraInfoUnavailableException {
        return true;
    }
    public Camera bindToLifecycle(
        androidx.lifecycle.LifecycleOwner o, CameraSelector s, UseCaseGroup g) { return null; }
    public void unbindAll() {}
}
