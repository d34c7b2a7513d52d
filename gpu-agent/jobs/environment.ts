/** What a trainer may see of our environment: a list, never a copy, so that no secret of the agent reaches its log. */
const names = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "TMPDIR",
  "TZ",
  "LANG",
  "LANGUAGE",
  "LD_LIBRARY_PATH",
  "HF_HOME",
  "HF_HUB_CACHE",
  "HF_ENDPOINT",
  "HUGGINGFACE_HUB_CACHE",
  "XDG_CACHE_HOME",
  "MODELS_PATH",
  "HF_HUB_OFFLINE",
  "HF_HUB_ENABLE_HF_TRANSFER",
  "HF_HUB_DISABLE_XET",
  "HF_XET_HIGH_PERFORMANCE",
  "TRANSFORMERS_OFFLINE",
  "TORCH_HOME",
  "TRITON_CACHE_DIR",
  "TORCHINDUCTOR_CACHE_DIR",
  "OMP_NUM_THREADS",
  "MKL_NUM_THREADS",
  "AI_TOOLKIT_OFFLOAD_DEPTH",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "REQUESTS_CA_BUNDLE",
  "SystemRoot",
  "SYSTEMROOT",
  "TEMP",
  "TMP",
  "USERPROFILE",
  "PATHEXT",
  "COMSPEC",
]);
const prefixes = [
  "LC_",
  "CUDA_",
  "PYTORCH_",
  "NCCL_",
  "NVIDIA_",
  "ROCM_",
  "HIP_",
  "TRAINYARD_TINY_",
];

export function trainerEnvironment(
  source: Readonly<Record<string, string | undefined>>,
  added: Readonly<Record<string, string>>,
): Record<string, string> {
  const chosen: Record<string, string> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    if (names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))) chosen[name] = value;
  }
  return { ...chosen, PYTHONUNBUFFERED: "1", ...added };
}

/** Read when the trainer is started and kept nowhere: they are secrets. */
export function inherited(
  source: Readonly<Record<string, string | undefined>>,
  wanted: readonly string[],
): Record<string, string> {
  return Object.fromEntries(
    wanted.flatMap((name) => {
      const value = source[name];
      return value === undefined || value === "" ? [] : [[name, value] as const];
    }),
  );
}
