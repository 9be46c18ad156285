// The C functions: thin, and the place where exceptions of the standard library end.
#include "qopt/Runtime/Sampler.h"
#include "qopt/Runtime/Session.h"
#include "qopt/Runtime/qopt.h"

#include <new>

using namespace qopt;
using namespace qopt::runtime;

struct qopt_error {
  Status Error;
};

struct qopt_program {
  std::shared_ptr<Program> Shared;
};

struct qopt_session {
  std::unique_ptr<Session> Owned;
  mutable qopt_launch_profile Shown;
};

struct qopt_sampler {
  Sampler Owned;
};

static_assert(int(QOPT_BOOL) == int(DataType::Bool) && int(QOPT_I64) == int(DataType::I64),
              "the C types are Base's");
static_assert(QOPT_MAX_RANK == artefact::MaxRank, "every validated shape fits a qopt_tensor");

static qopt_status report(const Status &S, qopt_error **Error) {
  if (!S.ok() && Error)
    *Error = new (std::nothrow) qopt_error{S};
  return static_cast<qopt_status>(S.exitCode());
}

template <typename F> static qopt_status guarded(qopt_error **Error, F Body) {
  try {
    return report(Body(), Error);
  } catch (const std::bad_alloc &) {
    return report(Status(StatusCode::ResourceLimit, "out of memory"), Error);
  } catch (const std::exception &Caught) {
    return report(Status(StatusCode::Internal, Caught.what()), Error);
  }
}

/// A structure of the caller's that knows its own size, so that later versions may add members.
template <typename T> static Status checkStruct(const T *Struct, const char *Name) {
  if (!Struct || Struct->struct_size != sizeof(T))
    return makeError(StatusCode::Usage, Name, ".struct_size must be sizeof(", Name, "), ",
                     sizeof(T));
  return {};
}

template <typename... Pointers> static Status checkPointers(const Pointers *...Given) {
  if ((!Given || ...))
    return makeError(StatusCode::Usage, "an argument is NULL that may not be");
  return {};
}

uint32_t qopt_abi_version(void) { return QOPT_ABI_VERSION; }
const char *qopt_version(void) { return QOPT_VERSION; }

qopt_status qopt_error_status(const qopt_error *error) {
  return error ? static_cast<qopt_status>(error->Error.exitCode()) : QOPT_OK;
}
const char *qopt_error_message(const qopt_error *error) {
  return error ? error->Error.message().c_str() : "";
}
void qopt_error_free(qopt_error *error) { delete error; }

qopt_status qopt_program_load(const char *path, const qopt_options *options, qopt_program **program,
                              qopt_error **error) {
  return guarded(error, [&]() -> Status {
    if (Status S = checkPointers(path, program); !S.ok())
      return S;
    DeviceOptions Options;
    if (options) {
      if (Status S = checkStruct(options, "qopt_options"); !S.ok())
        return S;
      Options.Threads = options->threads;
      Options.ParallelFor = options->parallel_for;
      Options.HostContext = options->host_context;
      Options.Isa = options->isa ? options->isa : "";
    }
    Result<std::shared_ptr<Program>> Loaded = Program::load(path, Options);
    if (!Loaded)
      return Loaded.status();
    *program = new qopt_program{std::move(*Loaded)};
    return {};
  });
}

void qopt_program_free(qopt_program *program) { delete program; }

qopt_status qopt_program_get_info(const qopt_program *program, qopt_program_info *info,
                                  qopt_error **error) {
  return guarded(error, [&]() -> Status {
    if (Status S = checkPointers(program); !S.ok())
      return S;
    if (Status S = checkStruct(info, "qopt_program_info"); !S.ok())
      return S;
    const artefact::Manifest &M = program->Shared->manifest();
    info->kind = M.Kind == artefact::ProgramKind::Decoder ? QOPT_DECODER : QOPT_GRAPH;
    info->context = M.Context;
    info->batch = M.Batch;
    info->chunk = M.Chunk;
    info->vocabulary = M.Vocabulary;
    info->threads = program->Shared->device().workers();
    const Signature &Values = program->Shared->signature();
    info->input_count = static_cast<int64_t>(Values.Inputs.size());
    info->output_count = static_cast<int64_t>(Values.Outputs.size());
    return {};
  });
}

const char *qopt_program_name(const qopt_program *program) {
  return program->Shared->manifest().Name.c_str();
}
const char *qopt_program_manifest(const qopt_program *program) {
  return program->Shared->manifestText().c_str();
}
const char *qopt_program_isa(const qopt_program *program) {
  return program->Shared->device().isa().c_str();
}

static Status describeValue(const Program &P, const std::vector<artefact::Buffer> &Values,
                            int64_t Index, qopt_value_info *Info) {
  if (Index < 0 || Index >= static_cast<int64_t>(Values.size()))
    return makeError(StatusCode::Usage, "there is no value ", Index, " of ", Values.size());
  const artefact::Buffer &B = Values[Index];
  std::vector<Interval> Ranges;
  for (const artefact::Symbol &Symbol : P.signature().Symbols)
    Ranges.push_back(Symbol.Range);
  Info->name = B.Name.c_str();
  Info->type = static_cast<int32_t>(B.Type);
  Info->rank = static_cast<int32_t>(B.Shape.size());
  for (size_t I = 0; I < B.Shape.size(); ++I) {
    Interval Bounds = B.Shape[I].bounds(Ranges).value_or(Interval());
    Info->min_shape[I] = Bounds.Min;
    Info->max_shape[I] = Bounds.Max;
  }
  return {};
}

qopt_status qopt_program_input(const qopt_program *program, int64_t index, qopt_value_info *info,
                               qopt_error **error) {
  return guarded(error, [&]() -> Status {
    Status S = checkPointers(program, info);
    return S.ok()
               ? describeValue(*program->Shared, program->Shared->signature().Inputs, index, info)
               : S;
  });
}

qopt_status qopt_program_output(const qopt_program *program, int64_t index, qopt_value_info *info,
                                qopt_error **error) {
  return guarded(error, [&]() -> Status {
    Status S = checkPointers(program, info);
    return S.ok()
               ? describeValue(*program->Shared, program->Shared->signature().Outputs, index, info)
               : S;
  });
}

static Status give(Result<std::unique_ptr<Session>> Made, qopt_session **Out) {
  if (!Made)
    return Made.status();
  *Out = new qopt_session{std::move(*Made), {}};
  return {};
}

qopt_status qopt_session_create(qopt_program *program, int64_t rows, qopt_session **session,
                                qopt_error **error) {
  return guarded(error, [&]() -> Status {
    Status S = checkPointers(program, session);
    return S.ok() ? give(Session::create(program->Shared, rows), session) : S;
  });
}

void qopt_session_free(qopt_session *session) { delete session; }

qopt_status qopt_session_decode(qopt_session *session, const int64_t *ids, int64_t batch,
                                int64_t tokens, const int64_t *counts, int64_t logits_wanted,
                                float *logits, qopt_error **error) {
  return guarded(error, [&]() -> Status {
    if (Status S = checkPointers(session); !S.ok())
      return S;
    return session->Owned->decode({ids, batch, tokens, counts, logits_wanted, logits});
  });
}

int64_t qopt_session_length(const qopt_session *session, int64_t row) {
  return session ? session->Owned->length(row) : -1;
}

qopt_status qopt_session_reset(qopt_session *session, int64_t row, qopt_error **error) {
  return guarded(error, [&]() -> Status {
    Status S = checkPointers(session);
    return S.ok() ? session->Owned->reset(row) : S;
  });
}

qopt_status qopt_session_truncate(qopt_session *session, int64_t row, int64_t length,
                                  qopt_error **error) {
  return guarded(error, [&]() -> Status {
    Status S = checkPointers(session);
    return S.ok() ? session->Owned->truncate(row, length) : S;
  });
}

qopt_status qopt_session_fork(const qopt_session *session, qopt_session **copy,
                              qopt_error **error) {
  return guarded(error, [&]() -> Status {
    Status S = checkPointers(session, copy);
    return S.ok() ? give(session->Owned->fork(), copy) : S;
  });
}

static Status checkTensors(const qopt_session *Session, const qopt_tensor *Inputs, int64_t Count,
                           const qopt_tensor *Outputs, int64_t OutputCount) {
  if (Count < 0 || OutputCount < 0)
    return makeError(StatusCode::Usage, "a number of tensors is negative");
  if ((Count > 0 && !Inputs) || (OutputCount > 0 && !Outputs))
    return makeError(StatusCode::Usage, "an argument is NULL that may not be");
  return checkPointers(Session);
}

qopt_status qopt_session_output_shapes(qopt_session *session, const qopt_tensor *inputs,
                                       int64_t input_count, qopt_tensor *outputs,
                                       int64_t output_count, qopt_error **error) {
  return guarded(error, [&]() -> Status {
    Status S = checkTensors(session, inputs, input_count, outputs, output_count);
    return S.ok() ? session->Owned->outputShapes(inputs, input_count, outputs, output_count) : S;
  });
}

qopt_status qopt_session_run(qopt_session *session, const qopt_tensor *inputs, int64_t input_count,
                             qopt_tensor *outputs, int64_t output_count, qopt_error **error) {
  return guarded(error, [&]() -> Status {
    Status S = checkTensors(session, inputs, input_count, outputs, output_count);
    return S.ok() ? session->Owned->run(inputs, input_count, outputs, output_count) : S;
  });
}

qopt_status qopt_session_memory(const qopt_session *session, qopt_memory *memory,
                                qopt_error **error) {
  return guarded(error, [&]() -> Status {
    if (Status S = checkPointers(session); !S.ok())
      return S;
    if (Status S = checkStruct(memory, "qopt_memory"); !S.ok())
      return S;
    SessionMemory Own = session->Owned->memory();
    const Program &P = session->Owned->program();
    memory->weights_mapped = P.weightBytes();
    memory->tables = P.tableBytes();
    memory->scratch = P.device().scratchBytes();
    memory->arena = Own.Arena;
    memory->state = Own.State;
    memory->staging = Own.Staging;
    memory->device_peak = P.device().peakDeviceBytes();
    return {};
  });
}

void qopt_session_set_profiling(qopt_session *session, int enabled) {
  guarded(nullptr, [&]() -> Status {
    if (session)
      session->Owned->setProfiling(enabled != 0);
    return {};
  });
}

const qopt_launch_profile *qopt_session_profile(const qopt_session *session, int64_t launch) {
  if (!session)
    return nullptr;
  const Profile &Measured = session->Owned->profile();
  if (launch < 0 || launch >= static_cast<int64_t>(Measured.Calls.size()))
    return nullptr;
  const artefact::Program &Table = session->Owned->program().table();
  const artefact::Launch &Launch = Table.Launches[launch];
  session->Shown = {Launch.Name.c_str(),    Table.Kernels[Launch.Kernel].Name.c_str(),
                    Measured.Calls[launch], Measured.Seconds[launch],
                    Measured.Reads[launch], Measured.Writes[launch]};
  return &session->Shown;
}

qopt_status qopt_sampler_create(const qopt_sampling *sampling, qopt_sampler **sampler,
                                qopt_error **error) {
  return guarded(error, [&]() -> Status {
    if (Status S = checkPointers(sampler); !S.ok())
      return S;
    SamplingOptions Options;
    if (sampling) {
      if (Status S = checkStruct(sampling, "qopt_sampling"); !S.ok())
        return S;
      Options = {sampling->temperature, sampling->top_k, sampling->top_p, sampling->seed};
    }
    Result<Sampler> Made = Sampler::create(Options);
    if (!Made)
      return Made.status();
    *sampler = new qopt_sampler{std::move(*Made)};
    return {};
  });
}

void qopt_sampler_free(qopt_sampler *sampler) { delete sampler; }

qopt_status qopt_sampler_next(qopt_sampler *sampler, const float *logits, int64_t vocabulary,
                              int64_t *id, qopt_error **error) {
  return guarded(error, [&]() -> Status {
    if (Status S = checkPointers(sampler, logits, id); !S.ok())
      return S;
    if (vocabulary < 1)
      return makeError(StatusCode::Usage, "there are no logits to choose from");
    Result<int64_t> Chosen = sampler->Owned.next(logits, vocabulary);
    if (!Chosen)
      return Chosen.status();
    *id = *Chosen;
    return {};
  });
}
