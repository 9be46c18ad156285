//===- CommandLine.h - the flags and the help of a tool ---------------------------------------===//
#ifndef QOPT_SUPPORT_COMMANDLINE_H
#define QOPT_SUPPORT_COMMANDLINE_H

#include "qopt/Base/Status.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/CommandLine.h"

namespace qopt {

/// What --help says besides the flags themselves. Lines end in a newline.
struct ToolHelp {
  llvm::StringRef Summary;  ///< "qopt-compile: from an ONNX model to a quantized program"
  llvm::StringRef Examples; ///< one per line, indented by two
  llvm::StringRef ExitCodes =
      "0 done, 1 failed, 2 wrong usage, 3 bad or unsafe input, 4 unsupported operator or type,\n"
      "            5 accuracy budget missed, 6 resource limit, 70 internal error";
};

/// Whether the arguments ask for help, before any "--".
bool wantsHelp(int Argc, const char *const *Argv);

/// Prints one screen: the flags of each group, in the order in which their variables were declared
/// (members of one struct), so that what belongs together stands together; neighbours with one
/// description share a line.
void printHelp(llvm::raw_ostream &Stream, const ToolHelp &Help,
               llvm::ArrayRef<llvm::cl::OptionCategory *> Groups);

/// Reads the flags. True when help was asked for and printed. Errors: Usage.
Result<bool> parseCommandLine(int Argc, const char *const *Argv, const ToolHelp &Help,
                              llvm::ArrayRef<llvm::cl::OptionCategory *> Groups);

} // namespace qopt

#endif // QOPT_SUPPORT_COMMANDLINE_H
