#include "Tool.h"

#include "qopt/Base/Interrupts.h"

#include <iostream>
#include <new>

namespace qopt::run {

static Status runCommand(const Options &O, const runtime::DeviceFactory &Factory) {
  runtime::DeviceOptions Device;
  Device.Threads = O.Threads;
  Result<ProgramHandle> Program = runtime::Program::load(O.Artefact, Device, Factory);
  if (!Program)
    return Program.status();
  switch (O.Command) {
  case Mode::Generate:
    return generate(*Program, O);
  case Mode::Tensors:
    return runTensors(*Program, O);
  case Mode::Info:
    return printInfo(*Program, O);
  case Mode::Bench:
    return bench(*Program, O);
  case Mode::Profile:
    return profile(*Program, O);
  case Mode::Verify:
    return verify(*Program, O);
  }
  return Status(StatusCode::Internal, "unknown command");
}

static Status parseAndRun(int Argc, char **Argv, const runtime::DeviceFactory &Factory) {
  try {
    Result<std::optional<Options>> Parsed = parseOptions(Argc, Argv);
    if (!Parsed)
      return Parsed.status();
    return *Parsed ? runCommand(**Parsed, Factory) : Status();
  } catch (const std::bad_alloc &) {
    return Status(StatusCode::ResourceLimit, "out of memory");
  } catch (const std::exception &Caught) {
    return Status(StatusCode::Internal, Caught.what());
  }
}

int runTool(int Argc, char **Argv, const runtime::DeviceFactory &Factory) {
  cleanUpWhenInterrupted();
  Status S = parseAndRun(Argc, Argv, Factory);
  if (!S.ok())
    std::cerr << "qopt-run: error: " << S.message() << "\n";
  return S.exitCode();
}

} // namespace qopt::run
