#include "KernelTester.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

constexpr const char *Symbols =
    R"(qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"width", 1 to 700>])";

/// One convolution of [batch, channels, height, width]; a width of 0 is the symbol.
struct Conv {
  int64_t Channels = 3, Height = 9, Width = 11, Outputs = 5, Groups = 1;
  std::vector<int64_t> Kernel = {3, 3}, Strides = {1, 1}, Dilations = {1, 1}, Pads = {0, 0, 0, 0};
  std::string Weight = "f32", Input = "f32", Lowering = "convolution";
  std::vector<std::vector<int64_t>> Sizes = {{2, 1}};
  std::string Budget = "f32";
};

std::string list(const std::vector<int64_t> &Numbers) {
  std::string Text;
  for (int64_t Number : Numbers)
    Text += (Text.empty() ? "" : ", ") + std::to_string(Number);
  return "[" + Text + "]";
}

std::string window(const std::vector<int64_t> &Kernel, const std::vector<int64_t> &Strides,
                   const std::vector<int64_t> &Dilations, const std::vector<int64_t> &Pads) {
  return "kernel " + list(Kernel) + " strides " + list(Strides) + " dilations " + list(Dilations) +
         " pads " + list(Pads);
}

int64_t slide(int64_t Size, const std::vector<int64_t> &Kernel, const std::vector<int64_t> &Strides,
              const std::vector<int64_t> &Dilations, const std::vector<int64_t> &Pads,
              size_t Axis) {
  int64_t Room =
      Size + Pads[Axis] + Pads[Axis + Kernel.size()] - (Kernel[Axis] - 1) * Dilations[Axis] - 1;
  return Room / Strides[Axis] + 1;
}

void runConv(const Conv &Case) {
  int64_t Columns = Case.Channels / Case.Groups;
  for (int64_t Size : Case.Kernel)
    Columns *= Size;
  size_t Last = Case.Kernel.size() - 1;
  auto Slide = [&](int64_t Size, size_t Axis) {
    return slide(Size, Case.Kernel, Case.Strides, Case.Dilations, Case.Pads, Axis);
  };
  bool IsLine = Last == 0;
  std::string Width = Case.Width ? std::to_string(Case.Width) : "?";
  std::string OutWidth = Case.Width ? std::to_string(Slide(Case.Width, Last)) : "?";
  std::string Rows = IsLine ? "" : std::to_string(Case.Height) + "x";
  std::string OutRows = IsLine ? "" : std::to_string(Slide(Case.Height, 0)) + "x";
  std::string X =
      "tensor<?x" + std::to_string(Case.Channels) + "x" + Rows + Width + "x" + Case.Input + ">";
  std::string Y = "tensor<?x" + std::to_string(Case.Outputs) + "x" + OutRows + OutWidth + "x" +
                  Case.Input + ">";
  std::string W = "tensor<" + std::to_string(Case.Outputs) + "x" + std::to_string(Columns) + "x" +
                  Case.Weight + ">";
  std::string Dims = "(s0, " + std::to_string(Case.Channels) +
                     (IsLine ? "" : ", " + std::to_string(Case.Height)) + ", " +
                     (Case.Width ? Width : "s1") + ")";
  std::string Text =
      llvm::formatv(R"(
    qkernel.kernel @k(%x: {0} {{qopt.dims = affine_map<()[s0, s1] -> {1}>}, %w: {2}) -> {3} attributes {{kind = "convolution", {4}} {{
      %y = qopt.conv %x, %w {5} groups {6} : {0}, {2}
      qkernel.yield %y : {3}
    })",
                    X, Dims, W, Y, Symbols,
                    window(Case.Kernel, Case.Strides, Case.Dilations, Case.Pads), Case.Groups)
          .str();
  SCOPED_TRACE(Text);
  KernelTester Tester(Text, Case.Sizes);
  // Panels hold no f64.
  if (Case.Weight != "f64")
    Tester.weights({1});
  Tester.budget("conv", Case.Budget).run();
  Tester.expectCpuLowering(Case.Lowering);
}

} // namespace

TEST(Convolution, OutputsAndWidths) {
  for (int64_t Outputs : {1, 9, 32, 33, 70}) {
    Conv Case;
    Case.Outputs = Outputs;
    Case.Pads = {1, 1, 1, 1};
    runConv(Case);
  }
  for (int64_t Width : {1, 7, 16, 33, 60}) {
    Conv Case;
    Case.Width = Width;
    Case.Height = 13;
    Case.Channels = 17;
    Case.Outputs = 20;
    Case.Pads = {1, 1, 0, 1};
    runConv(Case);
  }
}

TEST(Convolution, StridesDilationsAndPadding) {
  for (const std::vector<int64_t> &Strides :
       std::vector<std::vector<int64_t>>{{1, 2}, {2, 1}, {2, 2}, {3, 3}, {1, 5}})
    for (const std::vector<int64_t> &Dilations :
         std::vector<std::vector<int64_t>>{{1, 1}, {2, 3}}) {
      Conv Case;
      Case.Width = 41;
      Case.Strides = Strides;
      Case.Dilations = Dilations;
      Case.Pads = {0, 3, 2, 1};
      runConv(Case);
    }
  // Windows without any element of the input, and padding wider than a row.
  Conv Wide;
  Wide.Width = 3;
  Wide.Pads = {4, 20, 5, 30};
  runConv(Wide);
}

TEST(Convolution, Kernels) {
  for (const std::vector<int64_t> &Kernel :
       std::vector<std::vector<int64_t>>{{1, 1}, {5, 5}, {1, 7}, {7, 2}}) {
    Conv Case;
    Case.Kernel = Kernel;
    Case.Outputs = 35;
    runConv(Case);
    Case.Strides = {2, 2};
    runConv(Case);
  }
}

TEST(Convolution, Groups) {
  for (auto [Channels, Outputs, Groups] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
           {6, 6, 6}, {6, 12, 6}, {6, 10, 2}, {4, 64, 2}, {40, 40, 40}}) {
    Conv Case;
    Case.Channels = Channels;
    Case.Outputs = Outputs;
    Case.Groups = Groups;
    Case.Pads = {1, 1, 1, 1};
    runConv(Case);
    Case.Strides = {2, 2};
    Case.Weight = "!qopt.packed<i8, group = 0, scale = f16>";
    runConv(Case);
  }
}

TEST(Convolution, Lines) {
  for (int64_t Width : {20, 700, 0}) {
    Conv Case;
    Case.Kernel = {4};
    Case.Strides = {2};
    Case.Dilations = {2};
    Case.Pads = {3, 1};
    Case.Width = Width;
    Case.Sizes = {{1, 7}, {2, 40}, {1, 700}};
    if (Width)
      Case.Sizes = {{2, 1}};
    runConv(Case);
  }
}

TEST(Convolution, SymbolicWidth) {
  Conv Case;
  Case.Width = 0;
  Case.Pads = {1, 1, 1, 1};
  Case.Sizes = {{1, 1}, {3, 5}, {1, 33}, {1, 530}};
  runConv(Case);
}

TEST(Convolution, Weights) {
  for (const char *Weight : {"f16", "bf16", "!qopt.packed<i8, group = 0, scale = f16>",
                             "!qopt.packed<i4, group = 32, scale = f16>",
                             "!qopt.packed<i4, group = 12, scale = f16, asymmetric>"}) {
    Conv Case;
    Case.Weight = Weight;
    Case.Channels = 7;
    Case.Outputs = 40;
    Case.Budget = Weight[0] == '!' ? "codes" : "f32";
    runConv(Case);
  }
  for (const char *Input : {"f16", "bf16"}) {
    Conv Case;
    Case.Input = Case.Weight = Case.Budget = Input;
    runConv(Case);
  }
}

TEST(Convolution, ManyChannels) {
  Conv Case;
  Case.Channels = 100;
  Case.Outputs = 64;
  Case.Height = Case.Width = 20;
  Case.Pads = {1, 1, 1, 1};
  Case.Budget = "many channels";
  runConv(Case);
}

TEST(Convolution, OtherTypesAreGeneric) {
  Conv Case;
  Case.Input = Case.Weight = "f64";
  Case.Lowering = "generic";
  runConv(Case);
}

TEST(Convolution, Epilogue) {
  std::string Text = llvm::formatv(R"(
    #x = affine_map<()[s0, s1] -> (s0, 6, 5, 21)>
    #y = affine_map<()[s0, s1] -> (s0, 40, 5, 21)>
    qkernel.kernel @k(%x: tensor<?x6x5x21xf32> {{qopt.dims = #x}, %w: tensor<40x54xf32>, %bias: tensor<40x1x1xf32>,
        %residual: tensor<?x40x5x21xf32> {{qopt.dims = #y}, %row: tensor<21xf32>, %gate: tensor<?x40x1x1xf32> {{qopt.dims = affine_map<()[s0, s1] -> (s0, 40, 1, 1)>})
        -> (tensor<?x4200xf32>, tensor<?x40x5x21xf32>) attributes {{kind = "convolution", {0}} {{
      %0 = qopt.conv %x, %w kernel [3, 3] strides [1, 1] dilations [1, 1] pads [1, 1, 1, 1] : tensor<?x6x5x21xf32>, tensor<40x54xf32>
      %1 = qopt.binary add %0, %bias : tensor<?x40x5x21xf32>, tensor<40x1x1xf32>
      %2 = qopt.unary relu %1 : tensor<?x40x5x21xf32>
      %half = qopt.constant dense<0.5> : tensor<f32>
      %3 = qopt.binary mul %2, %half : tensor<?x40x5x21xf32>, tensor<f32>
      %4 = qopt.binary add %residual, %3 : tensor<?x40x5x21xf32>, tensor<?x40x5x21xf32>
      %5 = qopt.binary mul %4, %row : tensor<?x40x5x21xf32>, tensor<21xf32>
      %6 = qopt.binary mul %5, %gate : tensor<?x40x5x21xf32>, tensor<?x40x1x1xf32>
      %7 = qopt.reshape %6 dims affine_map<()[s0, s1] -> (s0, 4200)> : tensor<?x40x5x21xf32> -> tensor<?x4200xf32>
      qkernel.yield %7, %2 : tensor<?x4200xf32>, tensor<?x40x5x21xf32>
    })",
                                   Symbols);
  KernelTester Tester(Text, std::vector<std::vector<int64_t>>{{1, 1}, {3, 1}});
  Tester.weights({1}).budget("conv", "f32").checkBytes().run();
  Tester.expectCpuLowering("convolution");
}

TEST(Pool, KindsStridesAndPadding) {
  struct Case {
    int64_t Height, Width;
    std::vector<int64_t> Kernel, Strides, Dilations, Pads;
  };
  for (const char *Kind : {"max", "average"})
    for (const Case &C : std::vector<Case>{{8, 28, {2, 2}, {2, 2}, {1, 1}, {0, 0, 0, 0}},
                                           {9, 33, {3, 3}, {2, 2}, {1, 1}, {1, 1, 1, 1}},
                                           {20, 37, {3, 2}, {1, 1}, {1, 1}, {0, 1, 2, 0}},
                                           {20, 37, {2, 3}, {3, 4}, {2, 2}, {1, 0, 0, 2}},
                                           {30, 600, {3, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
                                           {7, 7, {7, 7}, {1, 1}, {1, 1}, {0, 0, 0, 0}}}) {
      std::string X = llvm::formatv("tensor<?x3x{0}x{1}xf32>", C.Height, C.Width);
      std::string Y = llvm::formatv("tensor<?x3x{0}x{1}xf32>",
                                    slide(C.Height, C.Kernel, C.Strides, C.Dilations, C.Pads, 0),
                                    slide(C.Width, C.Kernel, C.Strides, C.Dilations, C.Pads, 1));
      std::string Text = llvm::formatv(R"(
        qkernel.kernel @k(%x: {0} {{qopt.dims = affine_map<()[s0, s1] -> (s0, 3, {1}, {2})>}) -> {3} attributes {{kind = "pool", {4}} {{
          %y = qopt.pool {5} %x {6} : {0}
          qkernel.yield %y : {3}
        })",
                                       X, C.Height, C.Width, Y, Symbols, Kind,
                                       window(C.Kernel, C.Strides, C.Dilations, C.Pads));
      SCOPED_TRACE(Text);
      KernelTester Tester(Text, {2, 1});
      Tester.run();
      Tester.expectCpuLowering("pool");
    }
}

TEST(Pool, Flattened) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x3x8x9xf32> {{qopt.dims = affine_map<()[s0, s1] -> (s0, 3, 8, 9)>}) -> tensor<?x48xf32> attributes {{kind = "pool", {0}} {{
      %y = qopt.pool max %x kernel [2, 2] strides [2, 2] dilations [1, 1] pads [0, 0, 0, 0] : tensor<?x3x8x9xf32>
      %r = qopt.reshape %y dims affine_map<()[s0, s1] -> (s0, 48)> : tensor<?x3x4x4xf32> -> tensor<?x48xf32>
      qkernel.yield %r : tensor<?x48xf32>
    })",
                                   Symbols);
  KernelTester Tester(Text, {2, 1});
  Tester.run();
  Tester.expectCpuLowering("pool");
}

TEST(Pool, NaNAndLines) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x2x?xf16> {{qopt.dims = affine_map<()[s0, s1] -> (s0, 2, s1)>}) -> tensor<?x2x?xf16> attributes {{kind = "pool", {0}} {{
      %y = qopt.pool max %x kernel [3] strides [2] dilations [1] pads [1, 1] : tensor<?x2x?xf16>
      qkernel.yield %y : tensor<?x2x?xf16>
    })",
                                   Symbols);
  double NaN = std::numeric_limits<double>::quiet_NaN();
  KernelTester(Text, std::vector<std::vector<int64_t>>{{2, 1}, {1, 40}, {1, 41}, {1, 700}})
      .floats(0, {1, -2, NaN, 4, -INFINITY, 6, 7, 8, -9, -10, -11, -12, -13})
      .run();
}

TEST(Generic, PadAndPoolTogether) {
  std::string Text = llvm::formatv(R"(
    qkernel.kernel @k(%x: tensor<?x3x5x6xf32> {{qopt.dims = affine_map<()[s0, s1] -> (s0, 3, 5, 6)>}) -> (tensor<?x3x3x4xf32>, tensor<?x3x7x9xf32>) attributes {{kind = "generic", {0}} {{
      %p = qopt.pad %x low [0, 0, 1, 1] high [0, 0, 1, 2] value -1.5 : f32 : tensor<?x3x5x6xf32>
      %y = qopt.pool average %p kernel [3, 2] strides [2, 2] dilations [1, 1] pads [0, 0, 0, 0] : tensor<?x3x7x9xf32>
      qkernel.yield %y, %p : tensor<?x3x3x4xf32>, tensor<?x3x7x9xf32>
    })",
                                   Symbols);
  KernelTester Tester(Text, {2, 1});
  Tester.run();
  Tester.expectCpuLowering("generic");
}

TEST(Generic, PadIntegersAndShortFloats) {
  for (auto [Element, Number] : {std::pair("i64", "7 : i64"), std::pair("f16", "0.5 : f16")}) {
    std::string Text = llvm::formatv(R"(
      qkernel.kernel @k(%x: tensor<?x3x{0}> {{qopt.dims = affine_map<()[s0, s1] -> (s0, 3)>}) -> tensor<?x6x{0}> attributes {{kind = "generic", {1}} {{
        %y = qopt.pad %x low [0, 1] high [0, 2] value {2} : tensor<?x3x{0}>
        qkernel.yield %y : tensor<?x6x{0}>
      })",
                                     Element, Symbols, Number);
    KernelTester(Text, {2, 1}).run();
  }
}
