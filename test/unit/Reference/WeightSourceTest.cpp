// Weights from bytes: sources, steps, and the codes of a scheme.
#include "ReferenceTest.h"

#include "qopt/Reference/WeightSource.h"

using namespace qopt;
using testing::HasSubstr;

namespace {
class WeightSource : public ReferenceTest {
protected:
  WeightSource() {
    registerAllSchemes(Schemes);
    Weights = readWeights(
        [this](llvm::StringRef File) -> Result<llvm::ArrayRef<char>> {
          if (File != "w.bin")
            return makeError(StatusCode::BadInput, "no file '", File.str(), "'");
          return llvm::ArrayRef<char>(reinterpret_cast<const char *>(Data.data()),
                                      Data.size() * sizeof(float));
        },
        Schemes);
  }
  /// A program that returns the weight `Definition`, which reads w.bin.
  std::string use(const std::string &Ty, const std::string &Rest,
                  const std::string &File = "w.bin") {
    return "qopt.weight @w : tensor<" + Ty + "> from [#qopt.source<\"" + File +
           "\", offset = 8, length = 24, type = tensor<2x3xf32>, hash = 0>]" + Rest +
           "\nfunc.func @main() -> tensor<" + Ty + "> {\n  %w = qopt.use_weight @w : tensor<" + Ty +
           ">\n  return %w : tensor<" + Ty + ">\n}";
  }
  std::vector<float> Data = {99, 99, 1, -2, 3, 0.5f, 0, -7};
  SchemeRegistry Schemes;
};
} // namespace

TEST_F(WeightSource, Floats) {
  expectFloats(evaluate(use("2x3xf32", ""), {}), {1, -2, 3, 0.5, 0, -7});
  expectFloats(
      evaluate(use("3x2xf32", " steps [#qopt.transpose<[1, 0]>, #qopt.scale<2.0 : f32>]"), {}),
      {2, 1, -4, 0, 6, -14});
  Data[2] = 1 + 0x1p-9;
  expectFloats(evaluate(use("2x3xbf16", " steps [#qopt.cast<bf16>]"), {}), {1, -2, 3, 0.5, 0, -7});
}

TEST_F(WeightSource, CodesOfAScheme) {
  // Symmetric: the extreme of each row is code -8, so scales are -3/8 and 7/8.
  ReferenceTensor W =
      evaluate(use("2x3x!qopt.packed<i4, group = 0, scale = f32>", " scheme \"rtn\""), {});
  expectIntegers(W, {-3, 5, -8, 1, 0, -8});
  EXPECT_EQ(W.getScale(0, 0), -0.375);
  EXPECT_EQ(W.getScale(1, 0), 0.875);
  EXPECT_EQ(W.getFloat({0, 2}), 3);
}

TEST_F(WeightSource, Refusals) {
  EXPECT_THAT(error(use("2x3xf32", "", "other.bin"), {}), HasSubstr("cannot be read"));
  EXPECT_THAT(error(use("2x3x!qopt.packed<i4, group = 0, scale = f32>", " scheme \"magic\""), {}),
              HasSubstr("names the scheme 'magic', which is not registered; known: rtn"));
}
