import type { Faults } from "./fault.ts";
import { site } from "./traceback.ts";

const hub = "https://huggingface.co";
const gatedRepository = "black-forest-labs/FLUX.1-dev";
const openRepository = "stable-diffusion-v1-5/stable-diffusion-v1-5";

const download = site(
  "huggingface_hub/file_download.py",
  1533,
  "get_hf_file_metadata",
  "response = http_backoff('HEAD', url, headers=headers)",
);

/** Faults of fetching a model: a chain of exceptions whose last one often says something else. */
export const hubFaults: Faults = {
  gated: () => ({
    chain: [
      {
        frames: [
          download,
          site(
            "huggingface_hub/utils/_http.py",
            412,
            "hf_raise_for_status",
            "raise _format(GatedRepoError, message, response) from e",
          ),
        ],
        lines: [
          "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-00000000-000000000000000000000000)",
          "",
          `Cannot access gated repo for url ${hub}/${gatedRepository}/resolve/main/config.json.`,
          `Access to model ${gatedRepository} is restricted. You must have access to it and be authenticated to access it. Please log in.`,
        ],
        link: "cause",
      },
      {
        frames: [
          site("diffusers/configuration_utils.py", 438, "load_config", "raise EnvironmentError("),
        ],
        lines: [
          `OSError: ${gatedRepository} is not a local folder and is not a valid model identifier listed on '${hub}/models'`,
          "If this is a private repository, make sure to pass a token having permission to this repo with `token` or log in with `hf auth login`.",
        ],
      },
    ],
  }),
  "model-missing": (_format, { model }) => ({
    chain: [
      {
        frames: [
          site(
            "diffusers/pipelines/pipeline_utils.py",
            874,
            "from_pretrained",
            "raise ValueError(",
          ),
        ],
        lines: [
          `ValueError: The provided pretrained_model_name_or_path "${model}" is neither a valid local path nor a valid repo id. Please check the parameter.`,
        ],
      },
    ],
  }),
  network: () => ({
    chain: [
      {
        frames: [
          site(
            "httpx/_transports/default.py",
            118,
            "map_httpcore_exceptions",
            "raise mapped_exc(message) from exc",
          ),
        ],
        lines: ["httpx.ConnectError: [Errno -3] Temporary failure in name resolution"],
        link: "cause",
      },
      {
        frames: [
          site(
            "diffusers/pipelines/pipeline_utils.py",
            1859,
            "download",
            "raise EnvironmentError(",
          ),
        ],
        lines: [
          `OSError: Cannot load model ${openRepository}: the model is not fully cached locally and an error occurred while trying to fetch metadata from the Hub. See above for details.`,
        ],
      },
    ],
  }),
};
