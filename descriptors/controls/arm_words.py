"""The words of control arms that say nothing about what a class looks like.

In:  nothing.
Out: caption templates around a class's name, and everyday words that describe no surface, colour
     or shape.
"""

# 80 as CLIP has for ImageNet ("Learning Transferable Visual Models From Natural Language
# Supervision"), here sorted by their number of words so that lengths can be matched
TEMPLATES = (
    "a {}", "the {}", "one {}", "this {}", "some {}", "another {}", "pictured {}", "captured {}",
    "recognisable {}", "photographed {}",
    "photo: a {}", "picture of {}", "image showing {}", "the usual {}", "a typical {}",
    "look, a {}", "an everyday {}", "{} on camera", "snapshot with {}", "here: the {}",
    "a view of {}", "this is a {}", "photo of one {}", "what people call {}",
    "the {} in view", "an image of {}", "somebody's {} on film", "one of many {}",
    "an ordinary {} today", "the {} we saw",
    "a photo of a {}", "a picture of the {}", "an image with some {}", "a camera pointed at {}",
    "a low-quality image of {}", "a snapshot of one {}", "there is a {} here",
    "a frame that shows {}", "the subject here is {}", "a {} as commonly seen",
    "a sharp photo of a {}", "a poor picture of the {}", "an amateur photo of some {}",
    "a blurred image of one {}", "a small part of a {}", "a picture taken of the {}",
    "here you can see a {}", "a holiday snapshot of some {}", "the {} in somebody's old photo",
    "an image cropped around a {}",
    "a photo of the very same {}", "a good picture of a single {}", "a {} seen from quite far away",
    "yet one more image of the {}", "a photo in which a {} appears",
    "an unedited photo of some more {}",
    "a {} photographed from very close up", "a picture of what is called {}",
    "a postcard with a {} on it", "the camera happened to catch a {}",
    "a photo that was taken of a {}", "a picture with the {} in the middle",
    "an image from the web showing a {}", "a {} at the edge of a photo",
    "a photo of a {} among other things", "one of several pictures of the same {}",
    "a snapshot where you can see the {}", "a badly lit photo that shows some {}",
    "an image in which the {} is cropped", "a compressed picture file that shows a {}",
    "a photo that somebody once took of a {}", "a picture in which one can find a {}",
    "an image of a {} and of its surroundings", "a {} in a photo from an old album",
    "the part of a photo that shows a {}", "a picture of some {} by an unknown person",
    "a photo whose caption says that it shows {}", "an image that most people would label as {}",
    "a {} as it looks in most other photos", "one frame of a holiday film with a {}",
)  # fmt: skip

WORDS = (
    "absence", "accent", "account", "adverb", "advice", "agenda", "alibi", "almanac", "alphabet",
    "ambition", "anecdote", "anthem", "apology", "appetite", "applause", "April", "argument",
    "arrival", "aspect", "autumn", "average", "bargain", "belief", "birthday", "boredom", "bravery",
    "budget", "bulletin", "cadence", "calorie", "candour", "career", "census", "century", "chance",
    "chapter", "charity", "chorus", "citizen", "clause", "climate", "comedy", "comfort", "concept",
    "contest", "council", "courage", "courtesy", "crisis", "culture", "curfew", "custom", "debate",
    "decade", "decimal", "delay", "desire", "dialect", "dilemma", "diploma", "discount", "divide",
    "doubt", "dream", "duty", "echo", "economy", "effort", "election", "embargo", "empathy",
    "encore", "energy", "envy", "epoch", "errand", "essay", "ethics", "evening", "excuse", "exile",
    "fable", "faith", "fame", "fatigue", "favour", "fiction", "finance", "folklore", "forecast",
    "fortune", "freedom", "Friday", "friendship", "fugue", "future", "genre", "glossary", "gossip",
    "grammar", "gratitude", "greeting", "grief", "guess", "habit", "harmony", "haste", "health",
    "heritage", "history", "holiday", "honour", "hope", "humour", "hunger", "idea", "idiom",
    "income", "index", "instinct", "insult", "interest", "interval", "irony", "January", "joke",
    "journey", "judgement", "justice", "kindness", "kinship", "language", "laughter", "leisure",
    "lesson", "liberty", "logic", "longing", "loyalty", "luck", "lullaby", "lunch", "manner",
    "margin", "marriage", "maths", "maxim", "maybe", "meeting", "melody", "memory", "merit",
    "method", "midnight", "minute", "mission", "modesty", "Monday", "mood", "motive", "myth",
    "nephew", "news", "nickname", "nonsense", "noon", "notion", "novice", "oath", "obstacle",
    "octave", "omen", "opinion", "option", "outcome", "overtime", "pardon", "parody", "patience",
    "payment", "penalty", "pension", "permit", "phrase", "pity", "plot", "poem", "policy", "praise",
    "pretext", "pride", "profit", "prologue", "promise", "proverb", "quarrel", "query", "question",
    "quota", "reason", "rebate", "refrain", "regret", "relief", "remedy", "rhyme", "riddle",
    "rivalry", "romance", "rumour", "salary", "satire", "season", "secret", "sequel", "silence",
    "slogan", "sonnet", "sorrow", "spelling", "strategy", "success", "summary", "Sunday",
    "surprise", "syllable", "talent", "tariff", "temper", "theory", "thrift", "Thursday",
    "tradition", "treaty", "trial", "truce", "trust", "tuition", "uncle", "unity", "vacancy",
    "verdict", "verse", "victory", "virtue", "vote", "wager", "wedding", "weekend",
    "welcome", "whisper", "wisdom", "worry", "yearly", "yesterday", "zeal",
)  # fmt: skip
