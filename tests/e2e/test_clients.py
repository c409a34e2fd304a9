"""LangChain and LlamaIndex against a running server, as their users write."""
import os
import pathlib
import unittest

import langchain_core.documents
import langchain_core.messages
import langchain_core.output_parsers
import langchain_core.prompts
import langchain_core.runnables
import langchain_core.vectorstores
import langchain_openai
import llama_index.core
import llama_index.core.llms
import llama_index.embeddings.openai_like
import llama_index.llms.openai_like
import openai

import support

QUESTION = "How often does the lamp of Gannet Rock flash?"
# Passages of the user's own, which Tandem's documents say nothing of.
NOTES = ["The bell of Wren Tower weighs nine tonnes.", "The gate of Wren Tower is painted blue.",
         "Nobody has lived in Wren Tower since 1911."]
NOTES_QUESTION = "What does the bell of Wren Tower weigh?"
TEMPLATE = "Answer from these notes:\n{context}\n\n{question}"
PLAIN = {"tandem": {"retrieve": False}}


def setUpModule():
    global server, url
    stack = support.running_server()
    server = stack.__enter__()
    unittest.addModuleCleanup(stack.__exit__, None, None, None)
    url = f"{server.url}/v1"


class LangChain(unittest.TestCase):
    def chat(self, **arguments):
        return langchain_openai.ChatOpenAI(base_url=url, api_key="unused", model=support.GENERATOR_NAME,
                                           max_tokens=60, max_retries=0, **arguments)

    def embeddings(self, **arguments):
        return langchain_openai.OpenAIEmbeddings(base_url=url, api_key="unused", max_retries=0,
                                                 model=support.ENCODER_NAME, **arguments)

    def test_answers_and_streams(self):
        answer = self.chat(temperature=0).invoke(QUESTION)
        self.assertRegex(answer.content, "fifteen|15")
        self.assertGreater(answer.usage_metadata["input_tokens"], 100)
        chunks = list(self.chat(temperature=0, stream_usage=True).stream(QUESTION))
        self.assertGreater(len(chunks), 5)
        self.assertEqual("".join(chunk.content for chunk in chunks), answer.content)
        whole = sum(chunks[1:], chunks[0])
        self.assertEqual(whole.usage_metadata["output_tokens"], answer.usage_metadata["output_tokens"])

    def test_several_answers(self):
        result = self.chat(n=3, temperature=1.2, seed=1).generate(
            [[langchain_core.messages.HumanMessage(QUESTION)]])
        self.assertEqual(len({generation.text for generation in result.generations[0]}), 3)

    def test_citations_come_by_the_responses_api(self):
        model = self.chat(use_responses_api=True).bind_tools(
            [{"type": "file_search", "vector_store_ids": ["default"]}])
        message = model.invoke(QUESTION)
        text = next(block for block in message.content_blocks if block["type"] == "text")
        self.assertRegex(text["text"], "fifteen|15")
        self.assertTrue(text["annotations"])

    def test_structured_output(self):
        schema = {"title": "flash", "type": "object", "properties": {"seconds": {"type": "integer"}},
                  "required": ["seconds"], "additionalProperties": False}
        model = self.chat(temperature=0).with_structured_output(schema, method="json_schema")
        answer = model.invoke(QUESTION)
        self.assertIsInstance(answer["seconds"], int)

    def test_functions_are_refused_and_not_ignored(self):
        def lookup(word: str) -> str:
            """Looks up a word."""
            return word

        with self.assertRaises(openai.BadRequestError) as caught:
            self.chat().bind_tools([lookup]).invoke(QUESTION)
        self.assertEqual(caught.exception.param, "tools[0].type")

    def test_embeds_text(self):
        embeddings = self.embeddings(check_embedding_ctx_length=False)
        vectors = embeddings.embed_documents(NOTES)
        self.assertEqual([len(vector) for vector in vectors], [384] * len(NOTES))
        again = embeddings.embed_query(NOTES[0])
        self.assertGreater(sum(x * y for x, y in zip(vectors[0], again)), 0.9999)

    def test_tokens_of_another_vocabulary_are_refused(self):
        # LlamaIndex comes with the file that LangChain would fetch.
        static = pathlib.Path(llama_index.core.__file__).parent / "_static/tiktoken_cache"
        os.environ["TIKTOKEN_CACHE_DIR"] = str(static)
        self.addCleanup(os.environ.pop, "TIKTOKEN_CACHE_DIR")
        with self.assertRaises(openai.BadRequestError) as caught:
            self.embeddings().embed_documents(NOTES)
        self.assertIn("must send text", str(caught.exception))

    def test_a_chain_over_embeddings(self):
        store = langchain_core.vectorstores.InMemoryVectorStore(
            self.embeddings(check_embedding_ctx_length=False))
        store.add_documents([langchain_core.documents.Document(page_content=note) for note in NOTES])
        prompt = langchain_core.prompts.ChatPromptTemplate.from_template(TEMPLATE)
        chain = ({"context": store.as_retriever(search_kwargs={"k": 1})
                  | (lambda found: "\n".join(document.page_content for document in found)),
                  "question": langchain_core.runnables.RunnablePassthrough()}
                 | prompt | self.chat(temperature=0, extra_body=PLAIN)
                 | langchain_core.output_parsers.StrOutputParser())
        self.assertRegex(chain.invoke(NOTES_QUESTION), "(?i)nine|9")
        self.assertRegex("".join(chain.stream(NOTES_QUESTION)), "(?i)nine|9")


class LlamaIndex(unittest.TestCase):
    def llm(self, **body):
        return llama_index.llms.openai_like.OpenAILike(
            api_base=url, api_key="unused", model=support.GENERATOR_NAME, is_chat_model=True,
            context_window=8192, max_tokens=60, temperature=0, max_retries=0,
            additional_kwargs={"extra_body": body} if body else {})

    def embedding(self):
        return llama_index.embeddings.openai_like.OpenAILikeEmbedding(
            api_base=url, api_key="unused", model_name=support.ENCODER_NAME, max_retries=0)

    def test_answers_and_streams(self):
        message = llama_index.core.llms.ChatMessage(role="user", content=QUESTION)
        answer = self.llm().chat([message])
        self.assertRegex(answer.message.content, "fifteen|15")
        self.assertTrue(answer.raw.citations)
        chunks = list(self.llm().stream_chat([message]))
        self.assertGreater(len(chunks), 5)
        self.assertEqual("".join(chunk.delta or "" for chunk in chunks), answer.message.content)
        self.assertRegex(self.llm().complete(QUESTION).text, "fifteen|15")

    def test_embeds_text(self):
        vectors = self.embedding().get_text_embedding_batch(NOTES)
        again = self.embedding().get_query_embedding(NOTES[0])
        self.assertEqual([len(vector) for vector in vectors], [384] * len(NOTES))
        self.assertGreater(sum(x * y for x, y in zip(vectors[0], again)), 0.9999)

    def test_a_query_engine_over_embeddings(self):
        index = llama_index.core.VectorStoreIndex.from_documents(
            [llama_index.core.Document(text=note) for note in NOTES], embed_model=self.embedding())
        # Its own prompt is more than the small generator can follow: that it is answered is enough.
        texts = []
        for streaming in (False, True):
            engine = index.as_query_engine(llm=self.llm(**PLAIN), similarity_top_k=1, streaming=streaming)
            answer = engine.query(NOTES_QUESTION)
            texts.append("".join(answer.response_gen) if streaming else answer.response)
            self.assertEqual(answer.source_nodes[0].text, NOTES[0])
        self.assertIn("Wren Tower", texts[0])
        self.assertEqual(texts[0], texts[1])


if __name__ == "__main__":
    unittest.main()
