"""Five passages, and questions that four of them answer."""
import json

PASSAGES = {
    "tide": ("Harbour", "The tide turns at six in the evening at Gannet Rock."),
    "bread": ("Kitchen", "Rye bread wants twelve hours to rise before it is baked."),
    "wheel": ("Workshop", "A bicycle wheel has thirty-six spokes, each of steel."),
    "moon": ("Sky", "The moon goes round the earth in twenty-seven days."),
    "bees": ("Garden", "Bees dance to tell each other where flowers are."),
}
QUESTIONS = [
    ("When does the tide turn?", "six in the evening", "tide"),
    ("How long must rye bread rise?", "twelve hours", "bread"),
    ("How many spokes has a bicycle wheel?", "thirty-six", "wheel"),
    ("How long does the moon take to go round the earth?", "twenty-seven days", "moon"),
]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_corpus(path):
    return write_lines(path, [{"id": key, "title": title, "text": text}
                              for key, (title, text) in PASSAGES.items()])


def write_questions(path):
    return write_lines(path, [{"id": key, "question": question, "answers": [answer], "positives": [key]}
                              for question, answer, key in QUESTIONS])
