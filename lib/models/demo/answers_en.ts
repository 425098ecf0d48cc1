/** What the demo model knows, in English, and what it says of all else. */

import type { Answer, Words } from "./dictionary.ts";

const PLANETS = ["solar system", "planets", "sun and planets"];
const HEADPHONES = [
  "noise-cancelling headphones for commuters",
  "noise-cancelling headphones",
  "noise cancelling headphones",
  "noise cancellation",
  "headphones",
];
const EGGS = [
  "scrambled eggs with tomatoes",
  "scrambled eggs",
  "tomato and egg stir-fry",
  "eggs",
];
const KINGFISHER = ["kingfisher", "common kingfisher"];

/** Of those on a topic, the one that has most of the fields asked for. */
export const ANSWERS: Answer[] = [
  {
    topics: [
      "new directions in technology",
      "new trends in technology",
      "trends in technology",
      "technology trends",
      "technology",
      "tech",
    ],
    fields: {
      title: "New Directions in Technology: the Loud and the Quiet",
      summary:
        "The loud direction is artificial intelligence: models that write, draw and translate have moved into phones and offices, and nobody quite agrees what they are for. The quiet ones may matter more. Solar panels cost about a tenth of what they did in 2010, batteries have followed, and together they are rebuilding the grid. Rockets come home and fly again. Gene editing went from a paper in 2012 to an approved treatment for sickle cell disease in 2023. All of it looked like a toy at first. In ten years most of it will be ordinary, and the café’s Wi-Fi will still be slow 🐌.",
    },
  },
  {
    topics: HEADPHONES,
    fields: {
      title: "How Headphones Make Silence",
      summary:
        "Sound is pressure that rises and falls. Noise-cancelling headphones listen to the world with tiny microphones, work out its mirror image within a fraction of a millisecond and play that too: where one wave pushes, the other pulls, and little is left. It works best on what is low and steady, such as engines, rails and air conditioning, and worst on sudden, high sounds, which is why you still hear the baby. Amar Bose sketched the idea on a flight in 1978, unhappy with the headphones he had been handed. His company’s own reached shops in 2000, and trains have seemed emptier since.",
    },
  },
  {
    topics: HEADPHONES,
    fields: {
      name: "Quietway N3",
      tagline: "Turns down the train, not the world.",
      price: 179,
      in_stock: true,
      description:
        "Over-ear headphones for people who spend two hours a day among other people’s phone calls. The rumble goes; announcements come through at the press of a button. (The demo model made them up: please do not ask for them in a shop.)",
      highlights: [
        "40 hours with noise cancelling on",
        "Ten minutes of charging for five hours of listening",
        "Ear pads that you can replace yourself",
      ],
      specs: [
        { name: "Weight", value: "250 g" },
        { name: "Ports", value: "USB-C, 3.5 mm" },
        { name: "Folded", value: "18 × 16 × 6 cm" },
      ],
      tags: ["headphones", "commuting", "wireless"],
    },
  },
  {
    topics: EGGS,
    fields: {
      title: "Tomatoes and Eggs, a Dish That Needs No Recipe",
      summary:
        "Ask people in China for the first dish they learned to cook, and a good many will say tomatoes and eggs. It is a young classic: tomatoes came from the Americas and were long grown in China for show. The method takes one pan and a quarter of an hour: eggs first, hot and quick, then out; tomatoes next, until they give up their juice; then both together. Whether sugar belongs in it divides families, and so does whether the eggs or the tomatoes go in first. Everyone agrees about the rice, which is there to catch what runs off. Nobody has ever left any behind.",
    },
  },
  {
    topics: EGGS,
    fields: {
      title: "Scrambled Eggs with Tomatoes",
      summary:
        "A home classic: soft eggs in sweet and sour tomatoes. Cook rice first.",
      minutes: 15,
      servings: 2,
      ingredients: [
        { name: "Eggs", amount: "4" },
        { name: "Ripe tomatoes", amount: "2 large (400 g)" },
        { name: "Spring onion", amount: "1" },
        { name: "Oil", amount: "3 tbsp" },
        { name: "Salt", amount: "½ tsp" },
        { name: "Sugar", amount: "1 tsp" },
      ],
      steps: [
        "Cut up the tomatoes and the onion. Beat the eggs with a pinch of the salt.",
        "Heat 2 tbsp of oil, push the eggs into large curds, and take them out still moist.",
        "Cook the tomatoes with the rest of the oil, salt and sugar for 3 minutes.",
        "Fold in the eggs, and scatter the onion on top.",
      ],
      tip:
        "Pale tomatoes? A lid and a minute of patience do more than ketchup.",
    },
  },
  {
    topics: PLANETS,
    fields: {
      title: "The Solar System, Mostly Empty",
      summary:
        "The Sun holds more than 99.8 % of the solar system’s mass; the planets are what was left over. Four small rocky ones circle close in, two giants of gas and two of ice further out, and between them lies so much nothing that light, which needs eight minutes to reach us, takes four hours to Neptune. If the Sun were a football, Earth would be a mustard seed 24 metres away. Jupiter outweighs all the other planets together. Pluto, demoted in 2006, has not commented. Of all these places only one is known to have anybody who draws maps of them, and they disagree about the colours.",
    },
  },
  {
    topics: PLANETS,
    fields: {
      title: "The Solar System in Three Questions",
      questions: [
        {
          question: "Which planet is the largest?",
          options: ["Earth", "Jupiter", "Saturn", "Neptune"],
          answer: "Jupiter",
          explanation: "It outweighs all the others together, by five to two.",
        },
        {
          question: "Which takes Venus longer, one turn or one orbit?",
          options: ["One turn", "One orbit", "Neither", "It does not turn"],
          answer: "One turn",
          explanation: "243 Earth days against 225. It also turns backwards.",
        },
        {
          question: "How long does sunlight take to reach Earth?",
          options: ["8 seconds", "8 minutes", "8 hours", "8 days"],
          answer: "8 minutes",
          explanation:
            "It has 150 million km to go. The Sun you see is old news.",
        },
      ],
    },
  },
  {
    topics: ["artificial intelligence", "ai", "machine learning"],
    fields: {
      title: "Artificial Intelligence: a Summer Project That Overran",
      summary:
        "The name comes from a proposal of 1955: ten people, one summer at Dartmouth, significant progress expected. Seventy years of springs and winters followed. What works today is mostly one idea, learning from examples, fed with more data and more chips than its inventors could imagine. The same recipe spots tumours, predicts how proteins fold and finishes your sentences. It has no stake in being right, so the checking stays with us. A useful test for any claim: put “statistics” where it says “AI”, and see if the sentence still sells. If it does, it may well be true.",
    },
  },
  {
    topics: [
      "large language models",
      "large language model",
      "language models",
      "llms",
      "llm",
      "chatgpt",
      "gpt",
      "generative ai",
    ],
    fields: {
      title: "Large Language Models: One Word After Another",
      summary:
        "A language model learns one task: given some text, predict the next token, which is a word or a piece of one. Repeated over trillions of tokens, the by-products include grammar, translation and passable sonnets. It answers one token at a time and cannot go back, which is why answers come as a stream, and why this page exists. It looks nothing up unless it is given a tool for that: it writes what is likely, which is often true, and sounds just as sure when it is not. Think of a well-read friend who never notes the source. Ask, enjoy, and check the dates.",
    },
  },
  {
    topics: ["climate change", "global warming", "climate", "climate crisis"],
    fields: {
      title: "Climate Change: Old Physics, New Weather",
      summary:
        "The physics is older than the car. In 1856 Eunice Foote found that a jar of carbon dioxide grows hotter in the sun than one of air; forty years later Svante Arrhenius worked out by hand what doubling it would do. Its share of the air has since gone from some 290 to over 420 parts per million, and the planet is more than 1.2 °C warmer. The remedy is known and rather dull: clean electricity, then nearly everything on electricity, and less waste. In most countries new solar power is now the cheapest kind. The hard part is less the science than how pleasant a warm day in March can feel.",
    },
  },
  {
    topics: ["coffee", "espresso", "caffeine"],
    fields: {
      title: "Coffee, or Borrowing from the Evening",
      summary:
        "Coffee is the seed of a cherry from the highlands of Ethiopia. The goatherd with the dancing goats is a good story, first printed in 1671, some centuries late. What is recorded: by the 15th century Sufis in Yemen drank it to stay awake for night prayers, and in the 1550s Constantinople had its first coffee houses, soon full of chess and politics. Caffeine gives no energy. It sits where adenosine, the signal for tiredness, would dock, and so hides the bill for a while. About half is still at work five hours later, which explains the espresso at five and the ceiling at two.",
    },
  },
  {
    topics: ["tea", "green tea", "black tea"],
    fields: {
      title: "Tea: One Plant, Many Temperaments",
      summary:
        "White, green, oolong and black tea all come from one shrub, Camellia sinensis; what tells them apart is how far the leaves may oxidise before heat stops them. Legend has some fall into the pot of the emperor Shennong in 2737 BC, a date whose precision does not help it. More certain: Lu Yu wrote the first book about tea in the 8th century, and in 1773 Boston brewed 342 chests of it in the harbour, cold. Black tea likes boiling water, green prefers 80 °C or so and turns bitter when hurried. After water nothing is drunk more. It is at its best while one is waiting for something.",
    },
  },
  {
    topics: ["cats", "cat", "kittens", "kitten"],
    fields: {
      title: "Cats: Ten Thousand Years of Unpaid Rent",
      summary:
        "Cats moved in by themselves. When people in the Near East began to store grain some ten thousand years ago, mice came, and the African wildcat came for the mice; nobody has been able to say since who tamed whom. A grave on Cyprus holds a person and a cat side by side, 9,500 years old. Cats cannot taste sweetness, sleep for half the day or more, and nearly always land on their feet. Grown cats seldom meow at one another: that voice is kept for us, a tool made for opening doors. It works. Experts call the relationship commensal; your cat calls it acceptable 🐈.",
    },
  },
  {
    topics: ["dogs", "dog", "puppies", "puppy"],
    fields: {
      title: "Dogs: the Oldest Friendship on Record",
      summary:
        "Dogs come from wolves, and joined us at least 15,000 years ago, before wheat, sheep or the wheel. No other animal did it so early, or has been so glad about it. A dog’s nose has up to fifty times as many scent receptors as ours: it reads the lamppost like a newspaper, with yesterday’s edition underneath. A collie called Chaser learned the names of 1,022 toys, more than many owners could. When dog and owner look into each other’s eyes, oxytocin rises in both, as between parent and child. Most of the breeds are barely 200 years old. The tail is older, and means what it says.",
    },
  },
  {
    topics: ["black holes", "black hole"],
    fields: {
      title: "Black Holes: What Gravity Does When Nobody Stops It",
      summary:
        "Press enough mass into a small enough space, and not even light gets out: for the Sun the radius would be three kilometres, for Earth nine millimetres. Karl Schwarzschild found this in Einstein’s equations in 1915, while serving at the front; for decades it passed for a curiosity. Then came evidence: stars circling something unseen, waves in space itself in 2015, and in 2019 a picture, blurred and orange, 55 million light years off. Black holes do not suck. Were the Sun replaced by one of the same mass, Earth would keep its orbit exactly. It would merely be dark, and then cold.",
    },
  },
  {
    topics: ["moon", "our moon", "moon landing"],
    fields: {
      title: "The Moon, Leaving at the Speed of Fingernails",
      summary:
        "The Moon most likely began with a collision: about 4.5 billion years ago something the size of Mars struck the young Earth, and the debris gathered in orbit. It has always shown us about the same face, since it turns once in each trip around us. The far side is no darker than the near one, only harder to phone from; China’s Chang’e 6 fetched its first samples in 2024. Twelve people have walked up there, none since 1972. The Moon makes our tides, and pays for them: each year it moves 3.8 centimetres further away, as fast as fingernails grow. There is still time to look.",
    },
  },
  {
    topics: [
      "quantum computers",
      "quantum computer",
      "quantum computing",
      "quantum mechanics",
    ],
    fields: {
      title: "Quantum Computers: Very Cold and Often Misquoted",
      summary:
        "A quantum computer does not try all answers at once and pick the best; if it did, it would be more useful. Its qubits hold blends of 0 and 1, and a good algorithm makes wrong answers cancel out and right ones add up, like ripples in a pond. Few such algorithms are known. One of them, Peter Shor’s of 1994, could break much of today’s encryption, given a large machine that hardly ever errs. No such machine exists, but replacement ciphers were standardised in 2024, to be safe. Simulating molecules may come first. Meanwhile the qubits need cooling, and so do the headlines.",
    },
  },
  {
    topics: ["internet", "web", "world wide web", "computer networks"],
    fields: {
      title: "The Internet: It Began with a Crash",
      summary:
        "On 29 October 1969 a student in Los Angeles tried to send “login” to a computer near San Francisco. Two letters arrived, then the far end crashed: the first message was “lo”. The design that grew from this cuts data into packets, which find their own way and may arrive late, twice or not at all; TCP, in charge since 1983, sorts that out. The Web came on top in 1990, and CERN gave it away in 1993. Over 95 % of the traffic between continents runs through cables on the sea floor, as thick as a garden hose. The cloud is mostly under water, and still it carries cats.",
    },
  },
  {
    topics: KINGFISHER,
    fields: {
      title: "The Kingfisher, Blue by Construction",
      summary:
        "Grind up a kingfisher’s feather, and the blue is gone: there is no blue pigment in it, only a fine sponge of keratin that returns that part of the light. The bird itself weighs about 35 grams, sits still above the water, corrects for the bend of light at the surface and dives. A fish is beaten on the branch and swallowed head first, and the bird needs more than half its own weight of them a day. It nests at the end of a tunnel in the river bank. The pointed nose of Japan’s 500 series train was modelled on its beak, for quieter tunnels. The bird has asked for no royalties.",
    },
  },
  {
    topics: KINGFISHER,
    fields: {
      name: "Common kingfisher",
      facts: [
        "Its feathers hold no blue pigment: a fine sponge of keratin scatters the light.",
        "It weighs about 35 grams and eats more than half of that in fish each day.",
        "It nests at the end of a tunnel, up to a metre long, that a pair digs into a river bank.",
        "The nose of Japan’s 500 series train was modelled on its beak.",
      ],
    },
  },
  {
    topics: [
      "electric cars",
      "electric car",
      "electric vehicles",
      "electric vehicle",
      "evs",
    ],
    fields: {
      title: "Electric Cars: Back after a Short Break",
      summary:
        "The first car to pass 100 km/h, in 1899, was electric; its name, La Jamais Contente, means “never satisfied”. Around 1900 more American cars ran on electricity than on petrol; then cheap oil and the electric starter, of all things, ended that for a century. What changed was the battery, whose price has fallen by about nine tenths since 2010. An electric motor turns some 90 % of its energy into motion, an engine rarely 30; the rest warms the street. In 2024 more than one new car in five had a plug, in China nearly every second one. The silence takes getting used to. The queue does not.",
    },
  },
  {
    topics: ["sleep", "sleeping", "dreams", "insomnia"],
    fields: {
      title: "Sleep: a Third of Life, Poorly Reviewed",
      summary:
        "Every animal that has been looked at closely sleeps or does something like it, even jellyfish, which have no brain to rest. Dolphins do it with half of theirs at a time. In people it comes in cycles of about 90 minutes: deep sleep first, which helps to keep what was learned, then more and more REM sleep, described in 1953 after a student had watched his son’s eyes move under the lids. Most adults need seven to nine hours. In 1964 a schoolboy stayed awake for eleven days, then slept for fourteen hours; such records are no longer kept. The best advice is dull: same hour, dark room, no phone.",
    },
  },
  {
    topics: ["javascript", "typescript", "programming", "coding", "node.js"],
    fields: {
      title: "JavaScript: Ten Days in May",
      summary:
        "Brendan Eich wrote the first JavaScript in ten days in May 1995; the world has spent the time since being careful with it. It has as much to do with Java as a carpet with a car. typeof null is “object”, a slip too popular to mend, and [10, 9, 1].sort() gives [1, 10, 9], since sort compares text unless told otherwise. And yet it runs on nearly every screen there is, pages from 1996 included, which few cleverer languages can say. A standard came in 1997, Node in 2009, and in 2018 Deno, an apology by Node’s author. This page is written in it, and this server in its Sunday suit, TypeScript.",
    },
  },
  {
    topics: ["json", "streaming", "streaming json", "fieldstream", "sse"],
    fields: {
      title: "JSON, Half of Which Is Not JSON",
      summary:
        "JSON was found rather than invented, says Douglas Crockford, who named it around 2001: it was lying about in JavaScript. Its grammar fits on a business card. It has no comments, since people had begun to hide instructions in them. Its one weakness shows when it is cut: half of a JSON text is no JSON at all, and a language model writes for many seconds before the last bracket comes. So this server reads each character once, as it arrives, and passes on what is certain: text at once, numbers when they are whole, nothing twice. Cut the connection now, and see where it goes on ✂️.",
    },
  },
  {
    topics: [
      ...["hello", "hi", "hey", "hello world", "good morning", "hi there"],
      ...["who are you", "what can you do", "help"],
    ],
    fields: {
      title: "Hello to You, Too",
      summary:
        "Thank you for asking; most people come straight to the point. “Hello” owes its career to the telephone: Alexander Graham Bell wanted calls answered with “ahoy”, Thomas Edison proposed “hello” in 1877, and the operators decided. Programmers have said it to the world since the 1970s, when Brian Kernighan put it into a manual as the first thing a program should print. This answer comes from a demo model, which knows a few topics by heart and is polite about the others. Try coffee, black holes or the kingfisher. Or press the button that cuts the line: it will pick up again 👋.",
    },
  },
  {
    topics: ["test", "testing", "this is a test", "lorem ipsum", "foo", "asdf"],
    fields: {
      title: "Test Received, Everything Moves",
      summary:
        "If you can read this, it works: the words left a demo model a moment ago, passed through a parser that reads each character once, and reached you a few letters at a time. Testing has its own classics. “Lorem ipsum” is a piece of Cicero, from 45 BC, scrambled until nobody would stop to read it. The quick brown fox has jumped over the lazy dog since the 1880s, with all the letters of the alphabet along. The first sentence by telephone, in 1876, was a test of a kind: “Mr Watson, come here, I want to see you.” He came. Now cut the connection, and see whether this does as well.",
    },
  },
];

/** On any topic, for which {} stands: a quiz whose parts go together. */
export const QUIZ = [
  {
    question: "How much does this demo know about “{}”?",
    options: [
      "All there is to know",
      "Only those very words",
      "What is in one good book",
      "It would rather not say",
    ],
    answer: "Only those very words",
    explanation: "It copied them from your question, and that was all.",
  },
  {
    question: "Why do these words come piece by piece?",
    options: [
      "The line is slow",
      "To look thoughtful",
      "They are sent while they are written",
      "The keyboard sticks",
    ],
    answer: "They are sent while they are written",
    explanation: "The whole takes seconds, and its beginning need not wait.",
  },
  {
    question: "What happens if the connection is cut now?",
    options: [
      "It carries on from there",
      "It begins again",
      "The rest is lost",
      "The page takes offence",
    ],
    answer: "It carries on from there",
    explanation:
      "The browser knows how far it has read, and asks for the rest.",
  },
];

/** On any topic, for which {} stands. A paragraph begins like this. */
export const WORDS: Words = {
  title: [
    "“{}”, Answered by a Demo",
    "Some Words in Reply to “{}”",
    "“{}”: a Rehearsal",
  ],
  paragraph: [
    "The topic is “{}”. A demo model has read that without understanding a word; what it can show is how an answer arrives.",
    "“{}” is not among the topics that this demo model knows by heart, so it talks of what it does know: how words get here.",
    "A real model would now have something to say on “{}”. The one on duty is a demo, and only fills the space, politely.",
  ],
  middle: [
    "Each word was sent off as soon as it was written, without waiting for the closing bracket.",
    "The text comes a few letters at a time, now and then cut in an awkward place, as real models do it.",
    "A number appears only when it is whole, since half of 1000 would be another price.",
    "If the connection breaks, the browser comes back for the rest, and gets exactly that.",
    "Whoever arrives late catches up first and then reads along, a second window included.",
    "When the last reader has gone, the model is soon stopped: words for nobody need not be paid for.",
    "The ï in naïve may have come as an escape, cut in two; you should not have noticed.",
    "Asked the same again, it says the same again, word for word, which few of us can.",
  ],
  aside: [
    "A demo model wrote this: no facts were checked, since none were used.",
    "All this comes from a demo model, which promises grammar, and nothing else.",
  ],
  ending: [
    "Ask it about coffee, cats or black holes: those it has rehearsed 🐈.",
    "Give the server a key for a real model, and facts will come too 🔑.",
    "Cut the connection now, and it will go on from there 🔌.",
  ],
  sentence: [
    "A line from the demo model, in the place of a fact.",
    "A few words in reply to “{}”, and of the right length.",
    "A real model would have something of its own to say here.",
  ],
  line: [
    "Said letter by letter.",
    "Sample text, and honest about it.",
    "Cut it off, and it carries on.",
  ],
  name: ["Specimen One", "Example", "Placeholder", "Prototype", "Sample"],
  person: ["Jane Doe", "John Doe", "Zoë Doe", "Richard Roe"],
  ingredient: ["Letters", "Commas", "Full stops", "Spaces", "Emoji"],
  amount: ["300", "a handful", "1 per sentence", "as needed", "a pinch"],
  part: ["Weight", "Colour", "Memory", "Material", "Opinions"],
  value: ["0 g", "as the page has it", "none", "text", "not yet"],
  tag: ["demo", "example", "sample text", "placeholder", "streaming", "trial"],
  highlight: [
    "Arrives while it is being written",
    "Carries on after a cut, and repeats nothing",
    "Contains no facts whatsoever 🌱",
  ],
  step: [
    "Think of a sentence, and write it from left to right.",
    "Send off each piece as soon as it is there.",
    "If the line breaks, go on where it broke.",
    "Close all the brackets, and serve at once 😋.",
  ],
  question: [
    "How much does this demo know about “{}”?",
    "How much had it read about “{}” before?",
    "What more could it say about “{}” if pressed?",
  ],
  option: [
    "Only those very words",
    "Nothing, and it says so",
    "More than it lets on",
    "Better to ask a real model",
  ],
  tip: ["When in doubt, cut the connection: the rest will come all the same."],
};

/** What it says beside the document. */
export const REMARKS = {
  refusal:
    "Sorry, I can’t help with that. (The demo model was told to decline.)",
  before: "Sure! Here is what you asked for:",
  after: "I hope this helps! Tell me if you would like another angle.",
  thought:
    'Let me think: the topic is “{}”. It could be {"title": "draft"}, but it should say more than that. All right, here goes.',
  prose:
    "There is much to say about “{}”. This time the demo model writes no JSON, and just chats.",
};
