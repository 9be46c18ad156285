// The memory of one use of a program: states, arena, and the steps over them.
#ifndef QOPT_RUNTIME_SESSION_H
#define QOPT_RUNTIME_SESSION_H

#include "qopt/Runtime/DecodeSchedule.h"
#include "qopt/Runtime/LaunchPlan.h"
#include "qopt/Runtime/Program.h"

#include <memory>
#include <vector>

namespace qopt::runtime {

/// A request to append tokens; the fields are the arguments of qopt_session_decode.
struct DecodeRequest {
  const int64_t *Ids = nullptr;
  int64_t Batch = 0;
  int64_t Tokens = 0;
  const int64_t *Counts = nullptr;
  int64_t LogitsWanted = 0;
  float *Logits = nullptr;
};

struct SessionMemory {
  int64_t Arena = 0;
  int64_t State = 0;
  int64_t Staging = 0;
};

/// What qopt_launch_profile shows, with one entry per launch of the table.
struct Profile {
  std::vector<int64_t> Calls, Reads, Writes;
  std::vector<double> Seconds;
};

class OnnxStep;

/// Not for use by two threads at once. Errors are those of the C functions of the same name.
class Session {
public:
  static Result<std::unique_ptr<Session>> create(std::shared_ptr<Program> Program, int64_t Rows);

  Status decode(const DecodeRequest &Request);
  Status outputShapes(const qopt_tensor *Inputs, int64_t InputCount, qopt_tensor *Outputs,
                      int64_t OutputCount);
  Status run(const qopt_tensor *Inputs, int64_t InputCount, qopt_tensor *Outputs,
             int64_t OutputCount);

  /// -1 for a row that does not exist.
  int64_t length(int64_t Row) const;
  Status reset(int64_t Row);
  Status truncate(int64_t Row, int64_t Length);
  Result<std::unique_ptr<Session>> fork() const;

  SessionMemory memory() const;
  void setProfiling(bool Enabled);
  const Profile &profile() const { return Measured; }
  const Program &program() const { return *Shared; }
  const std::shared_ptr<Program> &sharedProgram() const { return Shared; }

private:
  /// The buffers and symbols by which a decoder is driven.
  struct DecoderIndices {
    int64_t Batch = 0, Tokens = 0, LogitsSymbol = 0;
    int64_t Ids = 0, Past = 0, Count = 0, Logits = 0;
  };

  Session(std::shared_ptr<Program> Shared, int64_t Rows);
  bool isDecoder() const { return Shared->manifest().Kind == artefact::ProgramKind::Decoder; }
  Status allocate();
  void findDecoderIndices();
  Status checkRow(int64_t Row) const;
  Status clearRow(int64_t Row);

  Status checkDecode(const DecodeRequest &Request);
  void stageTokens(const DecodeRequest &Request, const DecodeSchedule &Schedule);
  Status decodeStep(const DecodeRequest &Request, const DecodeSchedule &Schedule);

  Status bindSymbols(const qopt_tensor *Inputs, int64_t InputCount);
  Status describeOutputs(qopt_tensor *Outputs, int64_t OutputCount) const;
  Status checkRun(const qopt_tensor *Inputs, int64_t InputCount, const qopt_tensor *Outputs,
                  int64_t OutputCount, std::vector<qopt_tensor> &Described);
  Status runGraph(const qopt_tensor *Inputs, int64_t InputCount,
                  const std::vector<qopt_tensor> &Outputs);
  /// Whether an input of the file is one that nothing reads.
  bool isIgnored(int64_t Input) const;
  Status runOnnx(const qopt_tensor *Inputs, const std::vector<qopt_tensor> &Outputs);
  friend class OnnxStep;

  /// Runs the table once; the tensors are in host memory.
  Status runStep(std::vector<HostTensor> &Inputs, std::vector<HostTensor> &Outputs);

  std::shared_ptr<Program> Shared; ///< first, so that it goes last
  int64_t Rows;
  LaunchPlan Plan;
  DeviceMemory Arena, State;
  std::unique_ptr<HostWindow> Window;
  std::vector<char *> StateAddresses; ///< in the order of Program::states()
  std::vector<int64_t> Lengths;
  std::vector<int64_t> Symbols;
  std::vector<int64_t> Bound; ///< values of the signature's symbols
  std::vector<HostTensor> InputTensors, OutputTensors;
  std::vector<void *> OutputAddresses;

  DecoderIndices Indices;
  std::vector<int64_t> Ids, Past, Count, NewTokens;
  std::vector<float> LogitsStaging;

  bool Profiling = false;
  Profile Measured;
};

} // namespace qopt::runtime

#endif
