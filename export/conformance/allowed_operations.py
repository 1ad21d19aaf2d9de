# SPDX-License-Identifier: Apache-2.0
"""Operations that an exported encoder may be made of.

They have been part of TensorFlow since 2.0, or a few from 2.1 to 2.13 on (options of
pipelines, `ParallelMapDatasetV2`, `DenseBincount`, and `DisableCopyOnRead`, which is in
every SavedModel since), run on a CPU, and are neither random nor Python: a server older
than the exporter still has them. `tests/export/test_operations.py` holds the encoders
of this package against the list.
"""

_GROUPS = """
# Arithmetic and reductions
Abs Acos Acosh Add AddN AddV2 All Any ArgMax ArgMin Asin Asinh Atan Atan2 Atanh
BatchMatMul BatchMatMulV2 BitwiseAnd BitwiseOr BitwiseXor Ceil ClipByValue Cos Cosh
Cross Cumprod Cumsum Digamma Div DivNoNan Einsum Equal Erf Erfc Erfinv Exp Expm1 Floor
FloorDiv FloorMod Greater GreaterEqual Inv Invert IsFinite IsInf IsNan L2Loss
LeftShift Less LessEqual Lgamma LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr
MatMul Max Maximum Mean Min Minimum Mod Mul MulNoNan Neg NotEqual Pow Prod RealDiv
Reciprocal RightShift Rint Round Rsqrt Sign Sin Sinh Sqrt Square SquaredDifference Sub
Sum Tan Tanh TruncateDiv TruncateMod Xdivy Xlogy
# Neural networks
AvgPool AvgPool3D BiasAdd Conv2D Conv2DBackpropInput Conv3D Conv3DBackpropInputV2
DepthwiseConv2dNative Dilation2D Elu FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3
LRN LeakyRelu LogSoftmax MaxPool MaxPool3D MaxPoolV2 Relu Relu6 Selu Sigmoid Softmax
Softplus Softsign
# Shapes, slices and copies
BatchToSpaceND Bitcast BroadcastArgs BroadcastTo Cast ConcatV2 Const DepthToSpace Diag
EnsureShape ExpandDims ExtractImagePatches Fill Gather GatherNd GatherV2 Identity
IdentityN InvertPermutation MatrixBandPart MatrixDiag MatrixDiagPart MatrixDiagV3
MirrorPad NoOp OneHot OnesLike Pack Pad PadV2 Placeholder PlaceholderWithDefault
PreventGradient Range Rank Reshape ReverseSequence ReverseV2 Roll ScatterNd Select
SelectV2 Shape ShapeN Size Slice Snapshot SpaceToBatchND SpaceToDepth Split SplitV
Squeeze StopGradient StridedSlice TensorScatterAdd TensorScatterUpdate Tile Transpose
Unique UniqueV2 Unpack Where ZerosLike
# Search, segments, counts and sparse tensors
Bucketize DenseBincount InTopKV2 LowerBound SegmentMax SegmentMean SegmentMin SegmentSum
SparseCross SparseMatrixMatMul SparseReorder SparseReshape SparseSegmentMean
SparseSegmentSum SparseSlice SparseTensorDenseMatMul SparseTensorToCSRSparseMatrix
SparseToDense TopKV2
UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd UnsortedSegmentSum
UpperBound
# Ragged tensors
RaggedGather RaggedRange RaggedTensorFromVariant RaggedTensorToSparse
RaggedTensorToTensor RaggedTensorToVariant
# Signals and images
AdjustContrastv2 AdjustHue AdjustSaturation CropAndResize DecodeAndCropJpeg DecodeBmp
DecodeGif DecodeImage DecodeJpeg DecodePng DecodeWav ExtractJpegShape FFT HSVToRGB
IFFT IRFFT IRFFT2D Imag Mfcc RFFT RFFT2D RGBToHSV Real ResizeArea ResizeBicubic
ResizeBilinear ResizeNearestNeighbor ScaleAndTranslate
# Strings and records
AsString DecodeBase64 DecodeRaw EncodeBase64 ParseExample ParseExampleV2
ParseSequenceExample ParseSequenceExampleV2 ParseSingleExample RegexFullMatch
ReduceJoin RegexReplace StaticRegexFullMatch StaticRegexReplace StringJoin StringLength
StringLower StringNGrams StringSplitV2 StringStrip StringToHashBucketFast
StringToHashBucketStrong StringToNumber StringUpper Substr UnicodeDecode
UnicodeDecodeWithOffsets UnicodeEncode
# Control and functions
Assert Case Enter Exit If LoopCond Merge NextIteration PartitionedCall
StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile Switch While
# Lists
EmptyTensorList TensorArrayGatherV3 TensorArrayReadV3 TensorArrayScatterV3
TensorArraySizeV3 TensorArrayV3 TensorArrayWriteV3 TensorListConcatV2
TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem
TensorListLength TensorListPopBack TensorListPushBack TensorListReserve
TensorListScatterIntoExistingList TensorListScatterV2 TensorListSetItem
TensorListSplit TensorListStack
# Variables, tables and the loading of both
AssignVariableOp DisableCopyOnRead HashTableV2 InitializeTableFromTextFileV2
LookupTableFindV2 LookupTableImportV2 LookupTableSizeV2 MergeV2Checkpoints
ReadVariableOp ResourceGather ResourceGatherNd RestoreV2 SaveV2 ShardedFilename
VarHandleOp VarIsInitializedOp
# Pipelines, for rows that may fail
BatchDatasetV2 ConcatenateDataset DatasetToSingleElement IgnoreErrorsDataset
MapDataset OptionsDataset PaddedBatchDatasetV2 ParallelMapDatasetV2 TensorDataset
TensorSliceDataset
"""

#: Names of operations.
ALLOWED = frozenset(
    name
    for line in _GROUPS.splitlines()
    if not line.startswith("#")
    for name in line.split()
)
