#include "qopt/Support/CommandLine.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace qopt;
namespace cl = llvm::cl;

bool qopt::wantsHelp(int Argc, const char *const *Argv) {
  for (llvm::StringRef Argument : llvm::ArrayRef(Argv + 1, size_t(Argc - 1))) {
    if (Argument == "--")
      return false;
    if (Argument == "--help" || Argument == "-help" || Argument == "-h")
      return true;
  }
  return false;
}

static std::string spellFlag(const cl::Option &Option) {
  bool IsShort = Option.ArgStr.size() == 1;
  std::string Flag = (IsShort ? "-" : "--") + Option.ArgStr.str();
  if (!Option.ValueStr.empty())
    Flag += (IsShort ? " <" : "=<") + Option.ValueStr.str() + ">";
  return Flag;
}

void qopt::printHelp(llvm::raw_ostream &Stream, const ToolHelp &Help,
                     llvm::ArrayRef<cl::OptionCategory *> Groups) {
  Stream << Help.Summary << "\n\n" << Help.Examples;
  for (cl::OptionCategory *Group : Groups) {
    std::vector<cl::Option *> Options;
    for (const auto &Entry : cl::getRegisteredOptions())
      if (llvm::is_contained(Entry.second->Categories, Group) &&
          Entry.second->getOptionHiddenFlag() == cl::NotHidden)
        Options.push_back(Entry.second);
    llvm::sort(Options);
    Stream << "\n" << Group->getName() << ":\n";
    for (size_t I = 0; I < Options.size(); ++I) {
      std::string Flags = spellFlag(*Options[I]);
      while (I + 1 < Options.size() && Options[I + 1]->HelpStr == Options[I]->HelpStr)
        Flags += ", " + spellFlag(*Options[++I]);
      Stream << llvm::formatv("  {0,-28} {1}\n", Flags, Options[I]->HelpStr);
    }
  }
  Stream << "\nexit codes: " << Help.ExitCodes << "\n";
}

Result<bool> qopt::parseCommandLine(int Argc, const char *const *Argv, const ToolHelp &Help,
                                    llvm::ArrayRef<cl::OptionCategory *> Groups) {
  if (wantsHelp(Argc, Argv)) {
    printHelp(llvm::outs(), Help, Groups);
    return true;
  }
  std::string Problem;
  llvm::raw_string_ostream Stream(Problem);
  if (!cl::ParseCommandLineOptions(Argc, Argv, Help.Summary, &Stream))
    return Status(StatusCode::Usage, llvm::StringRef(Problem).trim().str());
  return false;
}
