// Runs kernels written in the tests on a simulated device.
#ifndef QOPT_TEST_PTXSIMULATOR_DEVICE_H
#define QOPT_TEST_PTXSIMULATOR_DEVICE_H

#include "Simulator.h"

#include "gtest/gtest.h"

#include <cstring>
#include <string>
#include <vector>

namespace qopt::ptxsim {

inline void PrintTo(FaultKind Kind, std::ostream *Out) { *Out << faultName(Kind); }

} // namespace qopt::ptxsim

namespace qopt::ptxsim::test {

/// A kernel's text from its parameters ("u64 a, u32 n") and body; "%tid" and the like work as in
/// any kernel.
inline std::string kernelText(const std::string &Parameters, const std::string &Body,
                              const std::string &Target = "sm_90a",
                              const std::string &Attributes = "", const std::string &Before = "") {
  std::string Text =
      ".version 8.6\n.target " + Target + "\n.address_size 64\n" + Before + "\n.visible .entry k(";
  std::string Rest = Parameters;
  for (bool First = true; !Rest.empty(); First = false) {
    size_t Comma = Rest.find(',');
    std::string One = Rest.substr(0, Comma);
    Rest = Comma == std::string::npos ? "" : Rest.substr(Comma + 1);
    One.erase(0, One.find_first_not_of(' '));
    Text += std::string(First ? "" : ", ") + ".param ." + One;
  }
  return Text + ")\n" + Attributes + "\n{\n" + Body + "\nret;\n}\n";
}

class Device {
public:
  explicit Device(SimulatorOptions Options = {}) : Sim(std::move(*Simulator::create(Options))) {}

  template <typename T> uint64_t put(const std::vector<T> &Values) {
    uint64_t Address = *Sim->allocate(Values.size() * sizeof(T));
    EXPECT_TRUE(Sim->copyToDevice(Address, Values.data(), Values.size() * sizeof(T)).ok());
    return Address;
  }
  template <typename T> uint64_t space(size_t Count) { return *Sim->allocate(Count * sizeof(T)); }
  template <typename T> std::vector<T> get(uint64_t Address, size_t Count) {
    std::vector<T> Values(Count);
    EXPECT_TRUE(Sim->copyToHost(Values.data(), Address, Count * sizeof(T)).ok());
    return Values;
  }

  /// Launches the first kernel called `Name`; arguments are passed as they are.
  template <typename... Arguments>
  Status run(const std::string &Text, std::array<uint32_t, 3> Grid, std::array<uint32_t, 3> Block,
             uint32_t SharedBytes, Arguments... Values) {
    auto Module = Sim->loadModule(Text);
    if (!Module)
      return Module.status();
    auto Function = Sim->getFunction(*Module, Name, SharedBytes);
    if (!Function)
      return Function.status();
    std::vector<void *> Pointers{static_cast<void *>(&Values)...};
    runtime::GpuLaunch L;
    L.Function = *Function;
    L.Grid = Grid;
    L.Block = Block;
    L.SharedBytes = SharedBytes;
    L.Parameters = Pointers.data();
    Status Launched = Sim->launch(L);
    return Launched.ok() ? Sim->synchronize() : Launched;
  }

  std::string Name = "k";
  std::unique_ptr<Simulator> Sim;
};

template <typename T> uint64_t bits(T Value) {
  uint64_t Result = 0;
  std::memcpy(&Result, &Value, sizeof(Value));
  return Result;
}
inline float asFloat(uint64_t Bits) {
  float Value;
  uint32_t Low = static_cast<uint32_t>(Bits);
  std::memcpy(&Value, &Low, 4);
  return Value;
}

/// Runs instructions in one thread: %a, %b, %c hold the operands as registers of `In`, the result
/// is %d of `Out`
/// ("b16", "b32", "b64").
inline uint64_t evaluate(const std::string &Instructions, const std::string &In,
                         const std::string &Out, std::vector<uint64_t> Operands,
                         Status *Problem = nullptr) {
  std::string Body = ".reg .b64 %p<2>; .reg ." + In + " %a, %b, %c; .reg ." + Out +
                     " %d; .reg .pred %q, %r;\n" +
                     "ld.param.u64 %p0, [in]; ld.param.u64 %p1, [out];\n";
  const char *Names[] = {"%a", "%b", "%c"};
  for (int N = 0; N < 3; ++N)
    Body += "ld.global." + In + " " + Names[N] + ", [%p0+" + std::to_string(8 * N) + "];\n";
  Body += Instructions + "\nst.global." + Out + " [%p1], %d;";
  Operands.resize(3);
  Device D;
  uint64_t Input = D.put(Operands), Output = D.put(std::vector<uint64_t>{0});
  Status S = D.run(kernelText("u64 in, u64 out", Body), {1, 1, 1}, {1, 1, 1}, 0, Input, Output);
  if (Problem)
    *Problem = S;
  else
    EXPECT_TRUE(S.ok()) << S.message();
  return S.ok() ? D.get<uint64_t>(Output, 1)[0] : 0;
}

inline uint64_t eval32(const std::string &Instructions, std::vector<uint64_t> Operands) {
  return evaluate(Instructions, "b32", "b32", std::move(Operands));
}
inline uint64_t eval64(const std::string &Instructions, std::vector<uint64_t> Operands) {
  return evaluate(Instructions, "b64", "b64", std::move(Operands));
}
inline uint64_t eval16(const std::string &Instructions, std::vector<uint64_t> Operands) {
  return evaluate(Instructions, "b16", "b16", std::move(Operands));
}

} // namespace qopt::ptxsim::test

#endif
