// Road segmentation on iOS by MediaPipe: UNCOMPILED AND UNTESTED. No Mac was at hand; the calls are
// those of MediaPipe's published headers (MPPImageSegmenter.h, MPPMask.h).
//
// Podfile:  pod 'MediaPipeTasksVision', '1.0.0'
// Add segnet_lite_float16.tflite and manifest.json to the app's bundle.

import CoreMedia
import MediaPipeTasksVision
import UIKit

/// The class of each pixel, row by row, and the size of the map.
struct ClassMask {
    let width: Int
    let height: Int
    let ids: [UInt8]
}

/// What `make android-assets` says of the models: the names and colors, in order of the ids.
struct Manifest: Decodable {
    let labels: [String]
    let palette: [[UInt8]]

    static func load(from bundle: Bundle = .main) throws -> Manifest {
        guard let url = bundle.url(forResource: "manifest", withExtension: "json") else {
            throw CocoaError(.fileNoSuchFile)
        }
        return try JSONDecoder().decode(Manifest.self, from: Data(contentsOf: url))
    }
}

/// Gives each pixel a class. MediaPipe reads size, normalization and names in the file.
/// Make it and call it on one queue, not the main one: `segment` returns when it is done.
final class RoadSegmenter {
    private let segmenter: ImageSegmenter

    /// `.GPU` is Metal. Where that throws, or gives wrong masks, take `.CPU` with the int8 file.
    init(model: String = "segnet_lite_float16", delegate: Delegate = .GPU) throws {
        guard let path = Bundle.main.path(forResource: model, ofType: "tflite") else {
            throw CocoaError(.fileNoSuchFile)
        }
        let options = ImageSegmenterOptions()
        options.baseOptions.modelAssetPath = path
        options.baseOptions.delegate = delegate
        options.runningMode = .image
        options.shouldOutputCategoryMask = true
        options.shouldOutputConfidenceMasks = false
        segmenter = try ImageSegmenter(options: options)
    }

    var labels: [String] { segmenter.labels }

    /// A picture, turned as its `imageOrientation` says. It must be RGB with an alpha channel.
    func segment(_ image: UIImage) throws -> ClassMask {
        try segment(MPImage(uiImage: image))
    }

    /// A frame of `AVCaptureVideoDataOutput`, whose format must be kCVPixelFormatType_32BGRA.
    func segment(_ frame: CMSampleBuffer, orientation: UIImage.Orientation) throws -> ClassMask {
        try segment(MPImage(sampleBuffer: frame, orientation: orientation))
    }

    private func segment(_ image: MPImage) throws -> ClassMask {
        guard let mask = try segmenter.segment(image: image).categoryMask else {
            throw CocoaError(.coderValueNotFound)
        }
        // The ids belong to MediaPipe until the result goes: copied here.
        let ids = Array(UnsafeBufferPointer(start: mask.uint8Data, count: mask.width * mask.height))
        return ClassMask(width: mask.width, height: mask.height, ids: ids)
    }
}

extension ClassMask {
    /// The mask in colors, see-through, for a view over the image. Scale this, never the ids.
    func painted(_ palette: [[UInt8]], alpha: CGFloat = 0.5) -> CGImage? {
        var bytes = [UInt8](repeating: 0, count: 4 * ids.count)
        for (pixel, id) in ids.enumerated() {
            for channel in 0..<3 {
                // Premultiplied, as Core Graphics wants it.
                bytes[4 * pixel + channel] = UInt8(CGFloat(palette[Int(id)][channel]) * alpha)
            }
            bytes[4 * pixel + 3] = UInt8(255 * alpha)
        }
        guard let provider = CGDataProvider(data: Data(bytes) as CFData) else { return nil }
        return CGImage(
            width: width,
            height: height,
            bitsPerComponent: 8,
            bitsPerPixel: 32,
            bytesPerRow: 4 * width,
            space: CGColorSpaceCreateDeviceRGB(),
            bitmapInfo: CGBitmapInfo(rawValue: CGImageAlphaInfo.premultipliedLast.rawValue),
            provider: provider,
            decode: nil,
            shouldInterpolate: true,
            intent: .defaultIntent
        )
    }
}
