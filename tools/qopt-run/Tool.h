// qopt-run as a function, so that another device can stand behind the same options.
#ifndef QOPT_TOOLS_QOPTRUN_TOOL_H
#define QOPT_TOOLS_QOPTRUN_TOOL_H

#include "Options.h"
#include "qopt/Runtime/Program.h"
#include "qopt/Runtime/Session.h"

namespace qopt::run {

/// Parses the command line, does what it says, reports errors on standard error, and returns the
/// exit code.
int runTool(int Argc, char **Argv, const runtime::DeviceFactory &Factory);

// The commands, one file each. They print to standard output and, as remarks, to standard error.
using ProgramHandle = std::shared_ptr<runtime::Program>;
Status generate(const ProgramHandle &Program, const Options &Options);
Status runTensors(const ProgramHandle &Program, const Options &Options);
Status printInfo(const ProgramHandle &Program, const Options &Options);
Status bench(const ProgramHandle &Program, const Options &Options);
Status profile(const ProgramHandle &Program, const Options &Options);
Status verify(const ProgramHandle &Program, const Options &Options);

} // namespace qopt::run

#endif
