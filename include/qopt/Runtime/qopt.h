/* The C interface that runs a compiled model (a model.qopt folder). C99; no C++, no LLVM needed.
 *
 *   qopt_error *error = NULL;
 *   qopt_program *program;
 *   qopt_session *session;
 *   if (qopt_program_load("model.qopt", NULL, &program, &error) ||
 *       qopt_session_create(program, 1, &session, &error) ||
 *       qopt_session_decode(session, ids, 1, count, &count, 1, logits, &error)) {
 *     fprintf(stderr, "%s\n", qopt_error_message(error));
 *     return qopt_error_status(error);
 *   }
 *
 * Conventions. A function that can fail returns a qopt_status and, when `error` is not NULL, stores
 * a new error there (release it with qopt_error_free). Nothing else is changed by a call that
 * fails, except where a function says so. Sizes are bytes or elements as named; tensors are dense
 * and row-major. Strings belong to the object they were asked of.
 *
 * Threads. A program may be used by several threads; a session by one at a time. Sessions of one
 * program share its mapped weights, its code and its worker threads, so their steps take turns.
 * Results do not depend on the number of threads.
 */
#ifndef QOPT_RUNTIME_QOPT_H
#define QOPT_RUNTIME_QOPT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when something here changes so that older callers would break. */
#define QOPT_ABI_VERSION 1

typedef struct qopt_program qopt_program;
typedef struct qopt_session qopt_session;
typedef struct qopt_error qopt_error;
typedef struct qopt_sampler qopt_sampler;

/* The values are the exit codes of the tools. */
typedef enum qopt_status {
  QOPT_OK = 0,
  QOPT_FAILED = 1,         /* the system refused, or a result is no number */
  QOPT_USAGE = 2,          /* the call makes no sense */
  QOPT_BAD_INPUT = 3,      /* a damaged artefact, an id out of range, a wrong shape */
  QOPT_UNSUPPORTED = 4,    /* a newer artefact, a processor that lacks what it needs */
  QOPT_BUDGET_MISSED = 5,  /* not used by the runtime */
  QOPT_RESOURCE_LIMIT = 6, /* out of memory, context full */
  QOPT_INTERNAL = 70       /* a bug of ours */
} qopt_status;

/* QOPT_ABI_VERSION of the library that is running. */
uint32_t qopt_abi_version(void);
/* "0.1.0" */
const char *qopt_version(void);

qopt_status qopt_error_status(const qopt_error *error);
/* One line that names the file, the numbers and the remedy. */
const char *qopt_error_message(const qopt_error *error);
void qopt_error_free(qopt_error *error);

/* ---- Programs ---- */

/* The host's own thread pool: calls body(body_context, i) once for each i in [0, count), possibly
 * at the same time, and returns when all have returned. */
typedef void (*qopt_parallel_for)(void *host_context, void (*body)(void *body_context, int64_t i),
                                  void *body_context, int64_t count);

typedef struct qopt_options {
  size_t struct_size;             /* sizeof(qopt_options) */
  int32_t threads;                /* 0: as many as this process may use */
  qopt_parallel_for parallel_for; /* NULL: the program starts threads of its own */
  void *host_context;             /* passed to parallel_for */
  const char *isa;                /* NULL: the environment's QOPT_ISA, else the best there is */
} qopt_options;

/* Loads and validates an artefact, maps its weights and loads its code from its own folder only.
 * `options` may be NULL. An artefact must not be replaced while it is loaded. */
qopt_status qopt_program_load(const char *path, const qopt_options *options, qopt_program **program,
                              qopt_error **error);
/* Sessions that are still open keep what they need. */
void qopt_program_free(qopt_program *program);

typedef enum qopt_kind { QOPT_DECODER = 0, QOPT_GRAPH = 1 } qopt_kind;

typedef struct qopt_program_info {
  size_t struct_size; /* set by the caller: sizeof(qopt_program_info) */
  qopt_kind kind;
  int64_t context;    /* decoder: tokens that one row can hold */
  int64_t batch;      /* rows that one session can hold */
  int64_t chunk;      /* decoder: tokens per row computed at once; larger calls are split */
  int64_t vocabulary; /* decoder: ids are in [0, vocabulary) */
  int32_t threads;
  int64_t input_count;
  int64_t output_count;
} qopt_program_info;

qopt_status qopt_program_get_info(const qopt_program *program, qopt_program_info *info,
                                  qopt_error **error);
const char *qopt_program_name(const qopt_program *program);
/* The text of manifest.json. */
const char *qopt_program_manifest(const qopt_program *program);
/* The instruction set whose kernels run: "avx512", "generic"… (the best that any kernel uses). */
const char *qopt_program_isa(const qopt_program *program);

/* ---- Tensors ---- */

typedef enum qopt_type {
  QOPT_F64,
  QOPT_F32,
  QOPT_F16,
  QOPT_BF16,
  QOPT_I64,
  QOPT_I32,
  QOPT_I16,
  QOPT_I8,
  QOPT_U64,
  QOPT_U32,
  QOPT_U16,
  QOPT_U8,
  QOPT_BOOL
} qopt_type;

#define QOPT_MAX_RANK 8

typedef struct qopt_tensor {
  int32_t type; /* a qopt_type */
  int32_t rank;
  int64_t shape[QOPT_MAX_RANK];
  void *data;    /* read for inputs, written for outputs; aligned to the element */
  int64_t bytes; /* size of `data` */
} qopt_tensor;

typedef struct qopt_value_info {
  const char *name;
  int32_t type; /* a qopt_type */
  int32_t rank;
  int64_t min_shape[QOPT_MAX_RANK]; /* bounds of each dimension, inclusive */
  int64_t max_shape[QOPT_MAX_RANK];
} qopt_value_info;

/* What a graph takes and gives, in the order that qopt_session_run expects. A decoder compiled with
 * --io=onnx has the inputs and outputs of its ONNX file here, past and present included, and can be
 * run with qopt_session_run too; another decoder has none. */
qopt_status qopt_program_input(const qopt_program *program, int64_t index, qopt_value_info *info,
                               qopt_error **error);
qopt_status qopt_program_output(const qopt_program *program, int64_t index, qopt_value_info *info,
                                qopt_error **error);

/* ---- Sessions ---- */

/* The memory of one conversation (decoder: of up to `rows` independent ones, stepped together).
 * 1 <= rows <= info.batch; a graph without a batch takes 1. */
qopt_status qopt_session_create(qopt_program *program, int64_t rows, qopt_session **session,
                                qopt_error **error);
void qopt_session_free(qopt_session *session);

/* Decoder: appends tokens to each row and computes logits.
 *   ids           [batch][tokens]; row b holds counts[b] ids, the rest of its columns is ignored
 *   batch         the rows stepped: rows 0 … batch-1; 1 <= batch <= rows of the session
 *   tokens        columns of `ids`, at least 1; what exceeds info.chunk is computed in several
 * steps counts        [batch], 0 <= counts[b] <= tokens; NULL: all are `tokens`. At least one is
 * not 0. logits_wanted for how many of each row's last new tokens; 0 … tokens logits
 * [batch][logits_wanted][vocabulary] f32, may be NULL if none are wanted. A row with fewer new
 * tokens than wanted fills its last columns, so that its last token's logits are always in column
 * logits_wanted - 1; its other columns then hold anything. Ids out of range (QOPT_BAD_INPUT) and
 * rows that would exceed the context (QOPT_RESOURCE_LIMIT) are refused before anything is computed.
 * A row that is full may not be stepped past, not even with count 0, because kernels compute its
 * column too: reset or truncate it first. */
qopt_status qopt_session_decode(qopt_session *session, const int64_t *ids, int64_t batch,
                                int64_t tokens, const int64_t *counts, int64_t logits_wanted,
                                float *logits, qopt_error **error);

/* Decoder: tokens that the row holds; -1 for a row that does not exist. */
int64_t qopt_session_length(const qopt_session *session, int64_t row);
/* Forgets everything: one row, or all with row = -1. */
qopt_status qopt_session_reset(qopt_session *session, int64_t row, qopt_error **error);
/* Decoder: keeps the row's first `length` tokens. */
qopt_status qopt_session_truncate(qopt_session *session, int64_t row, int64_t length,
                                  qopt_error **error);
/* A new session with a copy of all rows. */
qopt_status qopt_session_fork(const qopt_session *session, qopt_session **copy, qopt_error **error);

/* The next two are for graphs, and for decoders with the signature of their file. Such a decoder's
 * session holds, after the call, the valid tokens of past and ids; what it held before is gone.
 * attention_mask must be 1 at valid tokens and 0 at padding, position_ids must count the valid
 * tokens of a row; anything else is refused (QOPT_BAD_INPUT). Logits and present of padding are
 * zeros. */
/* Graph: fills type, rank, shape and bytes of each output for these inputs; data stays as it is. */
qopt_status qopt_session_output_shapes(qopt_session *session, const qopt_tensor *inputs,
                                       int64_t input_count, qopt_tensor *outputs,
                                       int64_t output_count, qopt_error **error);
/* Graph: computes the outputs into their data, whose `bytes` must suffice; fills their shapes. */
qopt_status qopt_session_run(qopt_session *session, const qopt_tensor *inputs, int64_t input_count,
                             qopt_tensor *outputs, int64_t output_count, qopt_error **error);

/* ---- What it costs ---- */

typedef struct qopt_memory {
  size_t struct_size;     /* set by the caller: sizeof(qopt_memory) */
  int64_t weights_mapped; /* shared with all users of the file */
  int64_t tables;         /* rotary tables, shared by the program's sessions */
  int64_t scratch;        /* of all workers, shared by the program's sessions */
  int64_t arena;          /* this session's */
  int64_t state;          /* this session's */
  int64_t staging;        /* this session's copies of ids and logits */
  int64_t device_peak;    /* a GPU's own memory: the most in use at once; 0 on a CPU */
} qopt_memory;

qopt_status qopt_session_memory(const qopt_session *session, qopt_memory *memory,
                                qopt_error **error);

typedef struct qopt_launch_profile {
  const char *name; /* of the launch */
  const char *kernel;
  int64_t calls;
  double seconds; /* of all calls, waiting for the slowest worker included */
  int64_t read_bytes;
  int64_t written_bytes;
} qopt_launch_profile;

/* Starts (from zero) or stops measuring every launch. */
void qopt_session_set_profiling(qopt_session *session, int enabled);
/* Entries in launch order, as many as there are launches; NULL past the end. Valid until the next
 * call for this session. */
const qopt_launch_profile *qopt_session_profile(const qopt_session *session, int64_t launch);

/* ---- Choosing the next token ---- */

typedef struct qopt_sampling {
  size_t struct_size; /* sizeof(qopt_sampling) */
  double temperature; /* 0: greedy, the largest logit, the lowest id among equals */
  int64_t top_k;      /* 0: all */
  double top_p;       /* 1: all; in (0, 1] */
  uint64_t seed;      /* the same seed and logits give the same ids */
} qopt_sampling;

/* `sampling` may be NULL for greedy. */
qopt_status qopt_sampler_create(const qopt_sampling *sampling, qopt_sampler **sampler,
                                qopt_error **error);
void qopt_sampler_free(qopt_sampler *sampler);
/* QOPT_FAILED if a logit is NaN or none is finite. */
qopt_status qopt_sampler_next(qopt_sampler *sampler, const float *logits, int64_t vocabulary,
                              int64_t *id, qopt_error **error);

#ifdef __cplusplus
}
#endif

#endif
