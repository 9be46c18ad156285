#include "KernelTester.h"

#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace qopt::test;

namespace {

/// A kernel of one operation on tensors of static and dynamic sizes. `Arguments` as in a kernel's
/// signature.
std::string kernel(const std::string &Arguments, const std::string &Results,
                   const std::string &Body) {
  std::string Text = R"(
    #s = affine_map<()[s0, s1] -> (s0)>
    #rows = affine_map<()[s0, s1] -> (s0, s1, 20)>
    #heads = affine_map<()[s0, s1] -> (s0, s1, 4, 20)>
    #row = affine_map<()[s0, s1] -> (s0, 1, 20)>
    #ids = affine_map<()[s0, s1] -> (s0, s1)>
    qkernel.kernel @k()" +
                     Arguments + ") -> " + Results + R"( attributes {kind = "generic",
        qopt.symbols = [#qopt.symbol<"batch", 1 to 4>, #qopt.symbol<"tokens", 1 to 64>]} {
)" + Body +
                     "\n qkernel.yield %r : " + Results + "\n}\n";
  return Text;
}

const std::vector<double> Interesting = {0.0,   -0.0,     1.0,       -1.0, 0.5,    -0.3,  2.5,
                                         -7.25, 20.0,     -30.0,     88.5, -100.0, 1e-20, 3e38,
                                         -3e38, INFINITY, -INFINITY, NAN,  0.9,    -0.95, 3.9,
                                         1e-3,  0.62,     -4.5,      12.0, 1000.5, -87.0};

} // namespace

TEST(Elementwise, UnaryFloats) {
  for (const char *Kind :
       {"abs", "neg", "exp", "log", "sqrt", "rsqrt", "reciprocal", "sigmoid", "tanh", "erf", "silu",
        "gelu_erf", "gelu_tanh", "quick_gelu", "relu", "sin", "cos", "floor", "ceil"}) {
    SCOPED_TRACE(Kind);
    std::vector<double> Values = Interesting;
    // Angles beyond what a f32 can tell apart, and products whose factors are infinite, are
    // nobody's promise.
    std::string Name = Kind;
    if (Name == "sin" || Name == "cos" || Name == "silu" || Name == "gelu_tanh" ||
        Name == "quick_gelu" || Name == "gelu_erf")
      Values = {0.0,   1.0,  -1.0,  0.5,   -0.3, 2.5,    -7.25,   20.0,
                -30.0, 80.5, -80.0, 1e-20, NAN,  1000.5, 3.14159, 6.5};
    KernelTester(kernel("%x: tensor<?x?x20xf32> {qopt.dims = #rows}", "tensor<?x?x20xf32>",
                        std::string("%r = qopt.unary ") + Kind + " %x : tensor<?x?x20xf32>"),
                 {1, 3})
        .floats(0, Values)
        .budget("elementwise", "f32")
        .run();
  }
}

TEST(Elementwise, ShortFloats) {
  for (const char *Element : {"f16", "bf16", "f64"}) {
    std::string Ty = std::string("tensor<?x?x20x") + Element + ">";
    KernelTester(
        kernel("%x: " + Ty + " {qopt.dims = #rows}", Ty, "%r = qopt.unary tanh %x : " + Ty), {2, 3})
        .budget("elementwise", Element[0] == 'b' ? "bf16" : "f16")
        .run();
  }
  // Every kind of f16 and bf16 number survives a conversion there and back.
  for (const char *Element : {"f16", "bf16"})
    KernelTester(kernel("%x: tensor<?x?x20xf32> {qopt.dims = #rows}",
                        std::string("tensor<?x?x20x") + Element + ">",
                        std::string("%r = qopt.cast %x : tensor<?x?x20xf32> to tensor<?x?x20x") +
                            Element + ">"),
                 {1, 3})
        .floats(0, {0.0,    -0.0,     1.0,       65504.0, 65519.0,       65520.0,   -70000.0,
                    6e-8,   2.9e-8,   3e-8,      1e-5,    1.00048828125, 1.0014648, 3e38,
                    3.4e38, INFINITY, -INFINITY, NAN,     1e-40,         0.1})
        .budget("cast", "any")
        .run();
}

TEST(Elementwise, BroadcastsAndChains) {
  KernelTester(kernel("%x: tensor<?x?x20xf32> {qopt.dims = #rows}, %y: tensor<?x1x20xf32> "
                      "{qopt.dims = #row}, %z: tensor<20xf32>, %c: tensor<1x1x1xf32>",
                      "tensor<?x?x20xf32>",
                      R"(%0 = qopt.binary add %x, %y : tensor<?x?x20xf32>, tensor<?x1x20xf32>
                         %1 = qopt.binary mul %0, %z : tensor<?x?x20xf32>, tensor<20xf32>
                         %2 = qopt.compare gt %1, %c : tensor<?x?x20xf32>, tensor<1x1x1xf32>
                         %k = qopt.constant dense<[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0, 13.0, 14.0, 15.0, 16.0, 17.0, 18.0, 19.0]> : tensor<20xf32>
                         %3 = qopt.select %2, %1, %k : tensor<?x?x20xi1>, tensor<?x?x20xf32>, tensor<20xf32>
                         %r = qopt.binary pow %3, %c : tensor<?x?x20xf32>, tensor<1x1x1xf32>)"),
               {3, 5})
      .floats(3, {2.0})
      .run();
}

TEST(Elementwise, Integers) {
  for (const char *Kind : {"add", "sub", "mul", "div", "min", "max"})
    KernelTester(kernel("%x: tensor<3x20xi64>, %y: tensor<20xi64>", "tensor<3x20xi64>",
                        std::string("%r = qopt.binary ") + Kind +
                            " %x, %y : tensor<3x20xi64>, tensor<20xi64>"),
                 {1, 1})
        .integers(1, {1, 2, 3, -4, 5, 6, -7, 8, 9, 1, 1, 2, 3, -4, 5, 6, -7, 8, 9, 1})
        .run();
  KernelTester(kernel("%x: tensor<3x20xi64>", "tensor<3x20xf32>",
                      "%r = qopt.cast %x : tensor<3x20xi64> to tensor<3x20xf32>"),
               {1, 1})
      .run();
  KernelTester(kernel("%x: tensor<3x20xf32>", "tensor<3x20xi32>",
                      "%r = qopt.cast %x : tensor<3x20xf32> to tensor<3x20xi32>"),
               {1, 1})
      .floats(0, {1.5, -2.7, 100.0})
      .run();
  KernelTester(kernel("%x: tensor<3x20xi32>", "tensor<3x20xi1>",
                      "%r = qopt.cast %x : tensor<3x20xi32> to tensor<3x20xi1>"),
               {1, 1})
      .run();
  KernelTester(kernel("%x: tensor<3x20xi1>, %y: tensor<3x20xi1>", "tensor<3x20xi1>",
                      R"(%0 = qopt.unary not %x : tensor<3x20xi1>
      %r = qopt.binary and %0, %y : tensor<3x20xi1>, tensor<3x20xi1>)"),
               {1, 1})
      .run();
}

TEST(Elementwise, PowOfEverything) {
  KernelTester(kernel("%x: tensor<10x9xf32>, %y: tensor<9xf32>", "tensor<10x9xf32>",
                      "%r = qopt.binary pow %x, %y : tensor<10x9xf32>, tensor<9xf32>"),
               {1, 1})
      .floats(0, {0.0, 1.0, -1.0, -2.5, 3.0, 0.5, 10.0, -8.0, 100.0, 0.001, 7.0})
      .floats(1, {0.0, 1.0, 2.0, -1.0, 0.5, 3.0, -3.0, 2.5, 7.0})
      .run();
}

TEST(Generic, Structure) {
  const std::string X = "%x: tensor<?x?x4x20xf32> {qopt.dims = #heads}";
  auto Run = [&](const std::string &Results, const std::string &Body) {
    SCOPED_TRACE(Body);
    for (int64_t Tokens : {1, 6})
      KernelTester(kernel(X, Results, Body), {2, Tokens}).run();
  };
  Run("tensor<?x4x?x20xf32>", "%r = qopt.transpose %x [0, 2, 1, 3] : tensor<?x?x4x20xf32>");
  Run("tensor<20x4x?x?xf32>", "%r = qopt.transpose %x [3, 2, 1, 0] : tensor<?x?x4x20xf32>");
  Run("tensor<?x?x80xf32>", "%r = qopt.reshape %x dims affine_map<()[s0, s1] -> (s0, s1, 80)> : "
                            "tensor<?x?x4x20xf32> -> tensor<?x?x80xf32>");
  Run("tensor<?x?x4x5xf32>", "%r = qopt.slice %x axis 3 bounds affine_map<()[s0, s1] -> (19, 5)> "
                             "step -3 : tensor<?x?x4x20xf32> -> tensor<?x?x4x5xf32>");
  Run("tensor<?x?x8x20xf32>",
      "%r = qopt.concat %x, %x axis 2 : tensor<?x?x4x20xf32>, tensor<?x?x4x20xf32>");
  Run("tensor<?xi64>", "%r = qopt.iota affine_map<()[s0, s1] -> (s1 + 3, s0, 2)> : tensor<?xi64>");
  Run("tensor<3xi64>",
      "%r = qopt.sizes affine_map<()[s0, s1] -> (s0, s1 * 4, s1 floordiv 4)> : tensor<3xi64>");
}

TEST(Generic, Broadcast) {
  KernelTester(kernel("%x: tensor<?x1x20xf32> {qopt.dims = #row}", "tensor<3x?x?x20xf32>",
                      "%r = qopt.broadcast %x dims affine_map<()[s0, s1] -> (3, s0, s1, 20)> : "
                      "tensor<?x1x20xf32> -> tensor<3x?x?x20xf32>"),
               {2, 4})
      .run();
}

TEST(Generic, Reduce) {
  for (const char *Kind : {"sum", "mean", "max", "min"})
    for (const char *Axes : {"[2]", "[0, 3]", "[1, 2, 3]"})
      for (bool Keeps : {true, false}) {
        std::string A = Axes;
        std::string Result = A == "[2]"      ? (Keeps ? "?x?x1x20" : "?x?x20")
                             : A == "[0, 3]" ? (Keeps ? "1x?x4x1" : "?x4")
                                             : (Keeps ? "?x1x1x1" : "?");
        KernelTester(kernel("%x: tensor<?x?x4x20xf32> {qopt.dims = #heads}",
                            "tensor<" + Result + "xf32>",
                            std::string("%r = qopt.reduce ") + Kind + " %x axes " + Axes +
                                (Keeps ? "" : " keep_dims false") + " : tensor<?x?x4x20xf32>"),
                     {2, 5})
            .run();
      }
}

TEST(Reduce, LastAxes) {
  for (const char *Kind : {"sum", "mean", "max"})
    for (const char *Element : {"f32", "f16"}) {
      std::string X = std::string("tensor<?x?x4x20x") + Element + ">",
                  Y = std::string("tensor<?x?x1x1x") + Element + ">";
      KernelTester Tester(
          kernel("%x: " + X + " {qopt.dims = #heads}", Y,
                 std::string("%r = qopt.reduce ") + Kind + " %x axes [3, 2] : " + X),
          {2, 5});
      if (Element[1] == '1')
        Tester.budget("elementwise", "f16");
      Tester.run();
      Tester.expectCpuLowering("reduce");
    }
}

TEST(Reduce, Flattened) {
  KernelTester Tester(kernel("%x: tensor<?x?x4x20xf32> {qopt.dims = #heads}", "tensor<?x?xf32>",
                             "%m = qopt.reduce mean %x axes [2, 3] : tensor<?x?x4x20xf32>\n"
                             "%r = qopt.reshape %m dims affine_map<()[s0, s1] -> (s0, s1)> : "
                             "tensor<?x?x1x1xf32> -> tensor<?x?xf32>"),
                      {2, 5});
  Tester.run();
  Tester.expectCpuLowering("reduce");
}

TEST(Generic, Matmul) {
  KernelTester(kernel("%x: tensor<?x?x4x20xf32> {qopt.dims = #heads}, %y: tensor<20x7xf32>",
                      "tensor<?x?x4x7xf32>",
                      "%r = qopt.matmul %x, %y : tensor<?x?x4x20xf32>, tensor<20x7xf32>"),
               {2, 3})
      .run();
  KernelTester(kernel("%x: tensor<?x?x4x20xf32> {qopt.dims = #heads}, %y: tensor<?x?x20x37xf32> "
                      "{qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 20, 37)>}",
                      "tensor<?x?x4x37xf32>",
                      "%r = qopt.matmul %x, %y : tensor<?x?x4x20xf32>, tensor<?x?x20x37xf32>"),
               {2, 3})
      .run();
}

TEST(Generic, TakeLastAndPositions) {
  KernelTester(
      kernel("%x: tensor<?x?x20xf32> {qopt.dims = #rows}, %n: tensor<?xi64> {qopt.dims = #s}",
             "tensor<?x2x20xf32>",
             "%r = qopt.take_last %x, %n size affine_map<()[s0, s1] -> (2)> : tensor<?x?x20xf32>, "
             "tensor<?xi64> -> tensor<?x2x20xf32>"),
      {2, 5})
      .integers(1, {5, 1})
      .run();
  KernelTester(kernel("%n: tensor<?xi64> {qopt.dims = #s}", "tensor<?x?xi64>",
                      "%r = qopt.positions %n tokens affine_map<()[s0, s1] -> (s1)> : "
                      "tensor<?xi64> -> tensor<?x?xi64>"),
               {2, 5})
      .integers(0, {5, 1})
      .run();
}

TEST(Generic, GatherInner) {
  KernelTester(kernel("%x: tensor<?x?x20xf32> {qopt.dims = #rows}, %i: tensor<3xi64>",
                      "tensor<?x?x3xf32>",
                      "%r = qopt.gather %x[%i] axis 2 : tensor<?x?x20xf32>, tensor<3xi64>"),
               {2, 3})
      .integers(1, {0, 19, -2})
      .run();
}

TEST(Softmax, Axes) {
  for (int64_t Axis : {1, 2, 3})
    KernelTester(
        kernel("%x: tensor<?x?x4x20xf32> {qopt.dims = #heads}", "tensor<?x?x4x20xf32>",
               "%r = qopt.softmax %x axis " + std::to_string(Axis) + " : tensor<?x?x4x20xf32>"),
        {2, 18})
        .run();
}

TEST(TensorAttention, Masks) {
  const std::string Q = "%q: tensor<?x?x4x20xf32> {qopt.dims = #heads}";
  const std::string KV =
      ", %k: tensor<?x9x2x20xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 9, 2, 20)>}, %v: "
      "tensor<?x9x2x20xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 9, 2, 20)>}";
  const std::string Types = "tensor<?x?x4x20xf32>, tensor<?x9x2x20xf32>, tensor<?x9x2x20xf32>",
                    R = "tensor<?x?x4x20xf32>";
  KernelTester(kernel(Q + KV, R, "%r = qopt.attention %q, %k, %v scale 0.3 : " + Types), {2, 5})
      .run();
  KernelTester(
      kernel(Q + KV, R,
             "%r = qopt.attention %q, %k, %v scale 0.3 causal window 3 softcap 2.0 : " + Types),
      {2, 5})
      .run();
  KernelTester(
      kernel(Q + KV +
                 ", %m: tensor<?x1x1x9xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, 1, 9)>}",
             R,
             "%r = qopt.attention %q, %k, %v mask %m scale 0.3 : " + Types +
                 " mask tensor<?x1x1x9xf32>"),
      {2, 5})
      .run();
  KernelTester(kernel(Q + KV +
                          ", %m: tensor<?x9xi1> {qopt.dims = affine_map<()[s0, s1] -> (s1, 9)>}, "
                          "%n: tensor<?xi64> {qopt.dims = #s}",
                      R,
                      "%r = qopt.attention %q, %k, %v mask %m lengths %n scale 0.3 : " + Types +
                          " mask tensor<?x9xi1> lengths tensor<?xi64>"),
               {2, 5})
      .integers(3, {1, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1,
                    1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1})
      .integers(4, {4, 9})
      .run();
}

/// More queries than a vector has lanes, a rest of them, and keys that fill no group.
TEST(TensorAttention, ManyQueries) {
  const std::string KV = "affine_map<()[s0, s1] -> (s0, s1 + 6, 2, 20)>";
  const std::string Operands = "%q: tensor<?x?x4x20xf32> {qopt.dims = #heads}, "
                               "%k: tensor<?x?x2x20xf32> {qopt.dims = " +
                               KV + "}, %v: tensor<?x?x2x20xf32> {qopt.dims = " + KV + "}";
  const std::string Types = "tensor<?x?x4x20xf32>, tensor<?x?x2x20xf32>, tensor<?x?x2x20xf32>";
  auto Text = [&](const std::string &More, const std::string &Clauses,
                  const std::string &MoreTypes) {
    return kernel(Operands + More, "tensor<?x?x4x20xf32>",
                  "%r = qopt.attention %q, %k, %v " + Clauses + " : " + Types + MoreTypes);
  };
  for (int64_t Tokens : {1, 15, 16, 17, 37})
    for (const char *Clauses : {"scale 0.3", "scale 0.3 causal", "scale 0.3 causal window 5"})
      KernelTester(Text("", Clauses, ""), {2, Tokens}).budget("attention", "f32").run();
  // A mask for each query, and one for each head.
  KernelTester(
      Text(", %m: tensor<?x1x?x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, 1, s1, s1 + 6)>}",
           "mask %m scale 0.3", " mask tensor<?x1x?x?xf32>"),
      {2, 19})
      .budget("attention", "f32")
      .run();
  KernelTester(
      Text(", %m: tensor<4x1x?xf32> {qopt.dims = affine_map<()[s0, s1] -> (4, 1, s1 + 6)>}",
           "mask %m scale 0.3 causal", " mask tensor<4x1x?xf32>"),
      {2, 19})
      .budget("attention", "f32")
      .run();
  // Rows of different lengths, one of which is empty: with `causal` the first queries see nothing.
  for (const char *Causal : {"", " causal", " causal window 2"})
    KernelTester(Text(", %n: tensor<?xi64> {qopt.dims = #s}",
                      std::string("lengths %n scale 0.3") + Causal, " lengths tensor<?xi64>"),
                 {3, 18})
        .integers(3, {0, 11, 24})
        .budget("attention", "f32")
        .run();
}

TEST(TensorAttention, HiddenNaN) {
  const std::string KV = "affine_map<()[s0, s1] -> (s0, 2, 1, 2)>";
  double NaN = std::nan("");
  KernelTester(
      kernel("%q: tensor<?x?x1x2xf32> {qopt.dims = affine_map<()[s0, s1] -> (s0, s1, 1, 2)>}, "
             "%k: tensor<?x2x1x2xf32> {qopt.dims = " +
                 KV +
                 "}, "
                 "%v: tensor<?x2x1x2xf32> {qopt.dims = " +
                 KV + "}, %m: tensor<2xi1>",
             "tensor<?x?x1x2xf32>",
             "%r = qopt.attention %q, %k, %v mask %m scale 1.0 : tensor<?x?x1x2xf32>, "
             "tensor<?x2x1x2xf32>, tensor<?x2x1x2xf32> mask tensor<2xi1>"),
      {1, 3})
      .floats(1, {1, 2, NaN, NaN})
      .floats(2, {3, 4, NaN, NaN})
      .integers(3, {1, 0})
      .budget("attention", "f32")
      .run();
}

TEST(Elementwise, Codes) {
  // Quotients that are ties, the limits and what lies beyond, NaN and infinities.
  for (const char *Code : {"i8", "ui8", "i16", "ui16"})
    for (const char *Zero : {"0", "7"}) {
      SCOPED_TRACE(Code);
      std::string Codes = std::string("tensor<?x?x20x") + Code + ">",
                  Number = std::string("tensor<") + Code + ">";
      std::string Parameters = std::string("%s = qopt.constant dense<0.5> : tensor<f32>\n"
                                           "%z = qopt.constant dense<") +
                               Zero + "> : " + Number + "\n";
      std::vector<double> Values = Interesting;
      for (double Tie :
           {0.25, 0.75, -0.25, -0.75, 63.5, 63.75, 64.0, -64.25, 127.75, 16383.75, 1e6})
        Values.push_back(Tie);
      std::string Quantize =
          " = qopt.quantize %x, %s, %z : tensor<?x?x20xf32>, tensor<f32>, " + Number;
      KernelTester(
          kernel("%x: tensor<?x?x20xf32> {qopt.dims = #rows}", Codes, Parameters + "%r" + Quantize),
          {1, 3})
          .floats(0, Values)
          .budget("codes", "any")
          .run();
      KernelTester(kernel("%x: tensor<?x?x20xf32> {qopt.dims = #rows}, %t: tensor<20xf32>",
                          "tensor<?x?x20xf32>",
                          Parameters + "%q" + Quantize + "\n%r = qopt.dequantize %q, %t, %z : " +
                              Codes + ", tensor<20xf32>, " + Number),
                   {1, 3})
          .floats(0, Values)
          .budget("codes", "any")
          .run();
    }
  KernelTester(
      kernel("%x: tensor<3x20xi32>, %s: tensor<20xf32>, %z: tensor<i32>", "tensor<3x20xf32>",
             "%r = qopt.dequantize %x, %s, %z : tensor<3x20xi32>, tensor<20xf32>, tensor<i32>"),
      {1, 1})
      .budget("codes", "any")
      .run();
}

TEST(Elementwise, CodesWithShortScales) {
  for (const char *Scale : {"f16", "bf16"})
    KernelTester(
        kernel("%x: tensor<?x?x20xf32> {qopt.dims = #rows}, %s: tensor<" + std::string(Scale) + ">",
               "tensor<?x?x20xi8>",
               "%z = qopt.constant dense<-3> : tensor<i8>\n%r = qopt.quantize %x, %s, %z : "
               "tensor<?x?x20xf32>, tensor<" +
                   std::string(Scale) + ">, tensor<i8>"),
        {1, 3})
        .floats(0, {0.125, 0.37, -0.125, 1.0005, 12.4, -3.33, 40.0, -40.0, 0.0, 2.5})
        .floats(1, {0.25})
        .budget("codes", "any")
        .run();
}
