// qopt-run-sim on a hand-written GPU artefact: a row of the graph is a block.
#include "TestArtefact.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <sys/wait.h>

using namespace qopt;
using namespace qopt::test;

namespace {

/// y = 2 x + offset, z = calls, in 32 threads a row. `Bound` is right as ge.
std::string scalePtx(const std::string &Target, const std::string &Bound = "ge") {
  return ".version 7.0\n.target " + Target +
         "\n.address_size 64\n"
         ".visible .entry scale(.param .u64 x, .param .u64 offset, .param .u64 calls, .param .u64 "
         "y, .param .u64 z,\n"
         "  .param .u64 batch, .param .u64 size) {\n"
         ".reg .b32 %r<8>; .reg .b64 %rd<24>; .reg .f32 %f<4>; .reg .pred %p<4>;\n"
         "ld.param.u64 %rd1, [x]; ld.param.u64 %rd2, [offset]; ld.param.u64 %rd3, [calls]; "
         "ld.param.u64 %rd4, [y];\n"
         "ld.param.u64 %rd5, [z]; ld.param.u64 %rd6, [size]; mov.u32 %r1, %tid.x; mov.u32 %r2, "
         "%ctaid.x;\n"
         "mul.wide.u32 %rd7, %r2, 8; add.u64 %rd7, %rd3, %rd7; mul.wide.u32 %rd8, %r2, 4; add.u64 "
         "%rd8, %rd2, %rd8;\n"
         "ld.global.s32 %r3, [%rd8]; cvt.rn.f32.s32 %f1, %r3; ld.global.u64 %rd9, [%rd7]; add.u64 "
         "%rd9, %rd9, 1;\n"
         "bar.sync 0; setp.eq.u32 %p1, %r1, 0; @%p1 st.global.u64 [%rd7], %rd9;\n"
         "cvt.u64.u32 %rd10, %r1; cvt.u64.u32 %rd11, %r2; mul.lo.u64 %rd11, %rd11, %rd6;\n"
         "$next: setp." +
         Bound +
         ".u64 %p2, %rd10, %rd6; @%p2 bra $end; add.u64 %rd12, %rd10, %rd11;\n"
         "shl.b64 %rd13, %rd12, 2; add.u64 %rd14, %rd1, %rd13; add.u64 %rd15, %rd4, %rd13; shl.b64 "
         "%rd13, %rd12, 3;\n"
         "add.u64 %rd16, %rd5, %rd13; ld.global.f32 %f2, [%rd14]; fma.rn.f32 %f2, %f2, 0f40000000, "
         "%f1;\n"
         "st.global.f32 [%rd15], %f2;\nst.global.u64 [%rd16], %rd9; add.u64 %rd10, %rd10, 32; bra "
         "$next; $end: ret; }\n";
}

struct Output {
  int Code;
  std::string Text, Errors;
};

class RunSim : public ::testing::Test {
protected:
  TemporaryFolder T;

  void write(const std::string &Name, const std::string &Target, const std::string &Isa,
             const std::string &Ptx) {
    artefact::Program P = graphTable();
    P.Kernels = {{"scale", {{Isa, "scale", 32, 0}}}};
    artefact::Manifest M = graphManifest();
    M.Target = Target;
    writeArtefact(T.path(Name), P, M, Ptx, artefact::PtxFile, "", graphVerification());
  }
  Output run(const std::string &Arguments) {
    std::string Command = "cd " + T.path() + " && " + QOPT_TEST_RUN_SIM + " " + Arguments +
                          " >out.txt 2>err.txt </dev/null";
    int Code = std::system(Command.c_str());
    return {WIFEXITED(Code) ? WEXITSTATUS(Code) : -1, readAll(T.path("out.txt")),
            readAll(T.path("err.txt"))};
  }
};

TEST_F(RunSim, VerifiesGpuArtefacts) {
  write("m80", "sm80", "sm_80", scalePtx("sm_80"));
  write("m90", "sm90", "sm_90a", scalePtx("sm_90a"));
  for (const char *Name : {"m80", "m90"}) {
    Output O = run(std::string(Name) + " --verify --threads 2");
    EXPECT_EQ(O.Code, 0) << O.Errors;
    EXPECT_NE(O.Text.find("scale"), std::string::npos) << O.Text;
  }
}

TEST_F(RunSim, CpuArtefactsStillRun) {
  writeVerifiedGraph(T.path("cpu"), graphVerification());
  Output O = run("cpu --verify");
  EXPECT_EQ(O.Code, 0) << O.Errors;
}

TEST_F(RunSim, SaysWhatAKernelDidWrong) {
  write("m", "sm90", "sm_90a", scalePtx("sm_90a", "gt"));
  Output O = run("m --verify");
  EXPECT_EQ(O.Code, 1) << O.Text;
  for (const char *Part :
       {"out of bounds", "kernel scale", "PTX line", "CTA (1,0,0)", "thread (3,0,0)"})
    EXPECT_NE(O.Errors.find(Part), std::string::npos) << Part << ": " << O.Errors;
}

TEST_F(RunSim, RefusesAnotherChipsCode) {
  write("m", "sm80", "sm_80", scalePtx("sm_90a"));
  Output O = run("m --verify");
  EXPECT_EQ(O.Code, 4) << O.Errors;
  EXPECT_NE(O.Errors.find("sm_90a"), std::string::npos) << O.Errors;
}

} // namespace
