#include "Tool.h"

int main(int Argc, char **Argv) {
  return qopt::run::runTool(Argc, Argv, qopt::runtime::createDevice);
}
