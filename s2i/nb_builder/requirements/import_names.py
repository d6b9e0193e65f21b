"""The distributions that provide import names, for the lines that messages suggest.

Only names in these tables are suggested, because a guess could name an unrelated package: an index may have one under
any module's name.
"""

from packaging.utils import canonicalize_name

from nb_builder.platforms.catalog import MODULES, prefixes

# The two names differ. A dotted name is for one of several distributions that share a namespace.
PROVIDED_BY = {
    "attr": "attrs",
    "autosklearn": "auto-sklearn",
    "azure.ai.ml": "azure-ai-ml",
    "azure.core": "azure-core",
    "azure.cosmos": "azure-cosmos",
    "azure.identity": "azure-identity",
    "azure.keyvault.secrets": "azure-keyvault-secrets",
    "azure.storage.blob": "azure-storage-blob",
    "azureml.core": "azureml-core",
    "bayes_opt": "bayesian-optimization",
    "Bio": "biopython",
    "bs4": "beautifulsoup4",
    "bson": "pymongo",
    "camelot": "camelot-py",
    "cassandra": "cassandra-driver",
    "community": "python-louvain",
    "Crypto": "pycryptodome",
    "Cryptodome": "pycryptodomex",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "decouple": "python-decouple",
    "dns": "dnspython",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "ee": "earthengine-api",
    "faiss": "faiss-cpu",
    "ffmpeg": "ffmpeg-python",
    "fitz": "pymupdf",
    "fpdf": "fpdf2",
    "gi": "PyGObject",
    "git": "GitPython",
    "github": "PyGithub",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.cloud.aiplatform": "google-cloud-aiplatform",
    "google.cloud.bigquery": "google-cloud-bigquery",
    "google.cloud.bigquery_storage": "google-cloud-bigquery-storage",
    "google.cloud.datastore": "google-cloud-datastore",
    "google.cloud.documentai": "google-cloud-documentai",
    "google.cloud.firestore": "google-cloud-firestore",
    "google.cloud.language": "google-cloud-language",
    "google.cloud.language_v1": "google-cloud-language",
    "google.cloud.logging": "google-cloud-logging",
    "google.cloud.pubsub": "google-cloud-pubsub",
    "google.cloud.pubsub_v1": "google-cloud-pubsub",
    "google.cloud.secretmanager": "google-cloud-secret-manager",
    "google.cloud.spanner": "google-cloud-spanner",
    "google.cloud.speech": "google-cloud-speech",
    "google.cloud.storage": "google-cloud-storage",
    "google.cloud.texttospeech": "google-cloud-texttospeech",
    "google.cloud.translate": "google-cloud-translate",
    "google.cloud.translate_v2": "google-cloud-translate",
    "google.cloud.vision": "google-cloud-vision",
    "google.genai": "google-genai",
    "google.generativeai": "google-generativeai",
    "google.oauth2": "google-auth",
    "google.protobuf": "protobuf",
    "googleapiclient": "google-api-python-client",
    "haiku": "dm-haiku",
    "hydra": "hydra-core",
    "ibis": "ibis-framework",
    "imblearn": "imbalanced-learn",
    "IPython": "ipython",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "kafka": "kafka-python",
    "ldap": "python-ldap",
    "lux": "lux-api",
    "magic": "python-magic",
    "mpl_toolkits": "matplotlib",
    "mpl_toolkits.basemap": "basemap",
    "MySQLdb": "mysqlclient",
    "mysql.connector": "mysql-connector-python",
    "nacl": "pynacl",
    "newspaper": "newspaper3k",
    "odf": "odfpy",
    "OpenSSL": "pyopenssl",
    "opensearchpy": "opensearch-py",
    "osgeo": "gdal",
    "past": "future",
    "pdfminer": "pdfminer.six",
    "PIL": "pillow",
    "pkg_resources": "setuptools",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "pylab": "matplotlib",
    "pywt": "PyWavelets",
    "ruamel.yaml": "ruamel.yaml",
    "scikitplot": "scikit-plot",
    "serial": "pyserial",
    "skfuzzy": "scikit-fuzzy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "skmultilearn": "scikit-multilearn",
    "skopt": "scikit-optimize",
    "sksurv": "scikit-survival",
    "slugify": "python-slugify",
    "snowflake.connector": "snowflake-connector-python",
    "snowflake.snowpark": "snowflake-snowpark-python",
    "socks": "pysocks",
    "speech_recognition": "SpeechRecognition",
    "spellchecker": "pyspellchecker",
    "stan": "pystan",
    "surprise": "scikit-surprise",
    "tabula": "tabula-py",
    "talib": "ta-lib",
    "telegram": "python-telegram-bot",
    "tree": "dm-tree",
    "umap": "umap-learn",
    "usb": "pyusb",
    "vertexai": "google-cloud-aiplatform",
    "weaviate": "weaviate-client",
    "websocket": "websocket-client",
    "wx": "wxPython",
    "Xlib": "python-xlib",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}

# The names are the same; indexes don't distinguish `_` and `-`.
_SAME = """
    accelerate aif360 aiohttp albumentations alibi altair annoy anthropic arch arrow arviz astropy attrs autocorrect
    autoviz backoff bert_score bertopic bitsandbytes bokeh boto boto3 botocore bottleneck cachetools cartopy
    catboost category_encoders cattrs causalml certifi chardet charset_normalizer chart_studio chromadb click
    cloudpickle cmdstanpy colorama confluent_kafka contractions cryptography cufflinks cvxopt cvxpy cx_Oracle cycler
    cython darts dash dask datasets deap deepctr dice_ml diffusers dill diskcache distributed django docplex dowhy
    dtale dtreeviz duckdb easydict easyocr econml einops elasticsearch eli5 emcee emoji evaluate evidently fairlearn
    fastai fastapi fastparquet fasttext fbprophet feature_engine featuretools feedparser fiona fire flair flaml
    flask flax folium fsspec ftfy future gcsfs geemap gensim geopandas geopy gluonts google_auth_oauthlib
    googletrans gradio graphviz great_tables gspread gunicorn gurobipy gym gymnasium h2o h3 h5py hdbscan hnswlib
    holidays holoviews httpx huggingface_hub hvplot hyperopt idna igraph imageio imgaug implicit inflect interpret
    ipywidgets jax jaxlib jieba jinja2 joblib jsonschema keras keras_tuner keybert kiwisolver kmodes kneed konlpy
    kornia langchain langchain_community langchain_core langchain_openai langdetect langid lazypredict leafmap
    Levenshtein librosa lifelines lightfm lightgbm lightning lime linearmodels llama_index llvmlite loguru lxml
    mapie marimo markdown markupsafe marshmallow matplotlib mediapipe memory_profiler minisom missingno mlflow
    mlforecast mlxtend mne modin monai mpld3 mplfinance mpmath msgpack music21 narwhals netCDF4 networkx
    neuralforecast neuralprophet ngboost nibabel nilearn nltk nmslib num2words numba numexpr numpy numpyro omegaconf
    onnx onnxruntime openai openpyxl openvino optax optuna oracledb orjson ortools osmnx packaging pandas
    pandas_datareader pandas_profiling pandasql pandera panel parsel patsy pdfplumber pdpbox peewee peft pendulum
    phonenumbers pinecone pingouin pip plotly plotnine pmdarima polars praw prettytable prophet psutil psycopg pulp
    pyarrow pycaret pycocotools pydantic pydicom pydot pydotplus pydub pygad pygal pygments pyLDAvis pymc pymc3
    pymongo pymssql pymysql pyod pyodbc pyomo pyparsing pypdf PyPDF2 pyproj pyreadstat pyspark pystan pytesseract
    pytest pytorch_forecasting pytorch_lightning pytorch_tabnet pytz pyvis qdrant_client rank_bm25 rapidfuzz
    rasterio rdkit redis regex requests requests_html requests_toolbelt retrying rich river rouge_score rtree
    ruptures s3fs sacremoses safetensors sagemaker scipy scrapy seaborn selenium sentence_transformers sentencepiece
    setuptools shap shapely SimpleITK simplejson six skl2onnx sklearn_crfsuite sklearn_pandas skorch sktime
    smart_open snowballstemmer soundfile spacy sqlalchemy squarify stanza statsforecast statsmodels streamlit
    structlog stumpy sweetviz sympy symspellpy ta tables tabulate tenacity tensorboard tensorboardX tensorflow
    tensorflow_addons tensorflow_datasets tensorflow_decision_forests tensorflow_hub tensorflow_probability
    tensorflow_recommenders tensorflow_text termcolor textblob textstat tf2onnx tf_keras theano thefuzz
    threadpoolctl tiktoken timm tokenizers toml tomli toolz torch torch_geometric torchaudio torchmetrics torchtext
    torchvision tornado tpot tqdm traitlets transformers trl tsfresh tslearn tweepy typer typing_extensions tzlocal
    ujson ultralytics unidecode urllib3 uvicorn vaderSentiment vaex wandb wordcloud workalendar xarray xgboost xlrd
    xlsxwriter xlwt yacs yake ydata_profiling yellowbrick yfinance zarr
"""
SAME = frozenset(_SAME.split())

# Names that people use, although they are neither an import nor a distribution.
_ALSO_WRITTEN = {"opencv": "opencv-python-headless", "pytorch": "torch"}
# Distributions that provide the import of the same name, although another one is usual.
_ALSO_PACKAGES = {"bson", "faiss", "fpdf", "jwt", "kafka", "pdfminer", "psycopg2", "slugify"}


def known_name(module: str) -> str | None:
    """Return the longest prefix of the dotted name `module` that the tables have, or None."""
    return next((name for name in prefixes(module) if name in PROVIDED_BY or name in SAME or name in MODULES), None)


def providing(module: str) -> str | None:
    """Return the name of the distribution that provides `module`, or None if the tables don't have it."""
    name = known_name(module)
    if name is None or name in MODULES:
        return None
    return PROVIDED_BY.get(name) or name.replace("_", "-")


def package_meant(name: str) -> str | None:
    """Return the distribution that an author means by the import name `name`; None if `name` may be one itself."""
    known = _ALSO_WRITTEN.get(name) or PROVIDED_BY.get(name)
    same = known is None or name in _ALSO_PACKAGES or canonicalize_name(known) == canonicalize_name(name)
    return None if same else known


def entry(module: str) -> str:
    """Return the entry of `requirements` that provides `module`; with a placeholder if its package is unknown."""
    return f'["{providing(module) or f"<the package that provides {module}>"}", ""]'
